"""packshot's own API, said once: every answer as a pydantic model, as `models.py` has the requests.

Nothing runs these: `openapi.json` shows them to callers, a contract test holds `packshot.api`'s functions to them.
"""

# fmt: off
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from packshot.api.models import Category, JobRequest, JobState, Metadata, Owner, PictureType, Shape
from packshot.brief import Channel, Gate, Operation, Resolution

MILLISECONDS = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"

Moment = Annotated[str, Field(pattern=MILLISECONDS, examples=["2026-11-21T08:00:00.000Z"], json_schema_extra={
    "format": "date-time"})]


class Pool(Shape):
    """One pool's share of a job's credits."""
    reserved: int
    charged: int | None
    refunded: int


class JobCredits(Pool):
    """Only delivered pictures are charged; `charged` is null until the job ends."""
    price_per_image: int
    pools: Annotated[dict[Literal["monthly", "topup"], Pool], Field(min_length=2)]


class Reason(Shape):
    """Why a job failed. `code` is stable."""
    code: str
    message: str


class RuleLine(Shape):
    """One rule of a marketplace: what was measured, what it asks for, and what would mend it."""
    rule: str
    verdict: Literal["pass", "warn", "fail"]
    measured: Any
    required: Any
    fix: str | None


class ComplianceItem(Shape):
    """How a picture stands with a marketplace's rules; `verdict` is its worst line's."""
    channel: Channel
    verdict: Literal["pass", "warn", "fail"]
    lines: list[RuleLine]


class FidelityItem(Shape):
    """Whether the picture still shows the product that was given (docs/fidelity.md)."""
    model_config = ConfigDict(extra="allow", strict=True)
    gate: Gate
    verdict: Literal["same", "check", "changed"]


class OutputInfo(Shape):
    """A finished picture. `simulated` says that a stand-in made it, `report` what was measured."""
    index: int
    width: int
    height: int
    bytes: int
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    content_type: PictureType
    simulated: bool
    reused: Annotated[bool, Field(description="Made for an equal job before: copied, and free.")]
    check: Annotated[list[str], Field(description="Why somebody should look at it; empty: nothing was found.")]
    compliance: ComplianceItem | None
    fidelity: FidelityItem | None
    report: dict[str, Any]


class OutputItem(OutputInfo):
    """A finished picture and where to fetch it. `data` is base64, only with `delivery: bytes`. `file_name` and `alt`
    follow from the job's metadata."""
    file_name: str | None
    alt: str | None
    url: str | None
    url_expires_at: Moment | None
    data: str | None = None


class AttemptItem(Shape):
    """One try of one call at one provider. `outcome` and `ended_at` are null while it runs; `usd` is its cost."""
    call: int
    number: int
    provider: str
    model: str
    outcome: str | None
    started_at: Moment
    ended_at: Moment | None
    ms: int | None
    polls: int
    usd: float
    simulated: bool
    own_key: Annotated[bool, Field(description="With the account's own key at the provider.")]


SHOWN = {"images": list[str], "reference": str | None, "mask": str | None, "like_input": bool}
BriefItem = create_model(  # type: ignore[call-overload]
    "BriefItem", __base__=Shape,
    __doc__="What was asked for. Pictures are shown by address, asset id, or where we keep them; never their data.",
    **{name: (SHOWN.get(name, its.annotation), ...) for name, its in JobRequest.model_fields.items()
       if name not in ("operation", "model", "metadata", "external_id")})


class JobLinks(Shape):
    """Paths on this host."""
    self: str
    cancel: str
    deliveries: str


class JobSummary(Shape):
    """A job in a list: without its brief, its attempts, and addresses of its pictures."""
    id: Annotated[str, Field(examples=["job_01kaj2v6w0000000000000001a"])]
    object: Literal["job"]
    state: JobState
    progress: Annotated[int, Field(ge=0, le=100, description="Percent; 100 once the state is final.")]
    operation: Operation
    model: str
    count: int
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    deadline_at: Moment
    credits: JobCredits
    outputs: list[OutputInfo]
    error: Reason | None
    external_id: str | None
    key_id: Annotated[str | None, Field(description="Of the key it came by; null for an upload's.")]
    test: Annotated[bool, Field(description="Made with a test key: free, and by the built-in studio.")]
    links: JobLinks


class JobItem(JobSummary):
    """A job."""
    brief: BriefItem  # type: ignore[valid-type]
    metadata: Metadata
    attempts: list[AttemptItem]
    timings: Annotated[dict[str, int], Field(description="Milliseconds by stage.")]
    outputs: list[OutputItem]  # type: ignore[assignment]


class Page(Shape):
    """One page; `next_cursor` is null on the last."""
    object: Literal["list"]
    next_cursor: str | None


class Balance(Shape):
    """Credits by pool."""
    total: int
    monthly: int
    topup: int


class ChecksItem(Shape):
    """A picture as marketplaces would see it."""
    object: Literal["checks"]
    measured: dict[str, Any]
    reports: list[ComplianceItem]


class QuoteItem(Shape):
    """What a job would cost. `sufficient` says whether the account has it."""
    object: Literal["quote"]
    model: str
    count: int
    price_per_image: int
    total: int
    available: Balance
    sufficient: bool


class Capability(Shape):
    """One operation of a model: how many pictures it takes (a mask is not counted), and which optional fields."""
    images: Annotated[dict[Literal["min", "max"], int], Field(min_length=2)]
    accepts: list[str]


class ModelItem(Capability):
    """A model, what it takes, and its credits for one image at each resolution. `images` and `accepts` are those of
    generate, or of its first operation; `capabilities` has each operation's."""
    id: str
    object: Literal["model"]
    title: str
    operations: list[Operation]
    credits: dict[str, int]
    capabilities: dict[Operation, Capability]
    resolutions: list[Resolution]
    aspect_ratios: list[str]
    max_count: int
    providers: list[str]


class PresetItem(Shape):
    """A look. `studio` is the system preset whose set the built-in studio uses; `models` are recommended for it."""
    id: Annotated[str, Field(examples=["pre_01kaj2v6w0000000000000001d"])]
    object: Literal["preset"]
    version: int
    title: str
    description: str
    category: Category
    prompt: str
    studio: str
    owner: Owner
    models: list[str]
    created_at: Moment


class AssetItem(Shape):
    """A kept picture; `id` can stand in a job's `images`. `reason` says why it was rejected."""
    id: Annotated[str, Field(examples=["as_01kaj2v6w0000000000000001a"])]
    object: Literal["asset"]
    state: Annotated[Literal["uploading", "processing", "ready", "rejected"], Field(
        description="`uploading` waits for the file, `processing` for a fetch.")]
    created_at: Moment
    content_type: Annotated[str | None, Field(description="Null until it is known.")]
    bytes: int
    width: Annotated[int | None, Field(description="In pixels; null until it is known.")]
    height: Annotated[int | None, Field(description="In pixels; null until it is known.")]
    sha256: Annotated[str | None, Field(description="Of a picture that came in the request.")]
    filename: str | None
    tags: list[str]
    url: Annotated[str | None, Field(description="A lasting address, which needs no key.")]
    thumbnail_url: Annotated[str | None, Field(description="The same, at most 512 pixels a side; until that is made, "
                                                           "the picture itself.")]
    reason: str | None


class UploadTicket(Shape):
    """A prepared upload: POST a multipart form of `fields`, then `file`, to `url`."""
    object: Literal["upload"]
    asset: AssetItem
    method: Literal["POST"]
    url: str
    fields: dict[str, str]
    expires_at: Moment


class ProfileItem(Shape):
    """A set of reference pictures; `id` can stand in a job's `profiles`. `message` says what is wrong with it."""
    id: Annotated[str, Field(examples=["prf_01kaj2v6w0000000000000001e"])]
    object: Literal["profile"]
    state: Literal["validating", "ready", "error"]
    created_at: Moment
    images: Annotated[int, Field(description="How many pictures it has.")]
    tag: str | None
    message: str | None


class BudgetItem(Shape):
    """What may be spent in a calendar month (UTC); null is no limit. `usd` is what providers cost us."""
    of: Literal["account", "key"]
    credits_a_month: int | None
    usd_a_month: float | None


class AccountItem(Shape):
    """The account behind the key."""
    id: str
    object: Literal["account"]
    name: str
    mode: Literal["live", "test"]
    plan: str
    status: Annotated[str, Field(description="`active` and `trialing` may take jobs, others may look.")]
    allowance: Annotated[int, Field(description="What the monthly pool is filled up to at `renews_at`.")]
    renews_at: Moment | None
    models: Annotated[dict[Operation, str], Field(
        description="What the account has chosen per operation; where it has not, the built-in studio is tried first.")]
    credits: Annotated[dict[Literal["available", "granted"], Balance], Field(min_length=2)]
    rate_limit: Annotated[dict[Literal["requests_per_minute", "burst"], int], Field(min_length=2)]
    scopes: list[str]
    provider_keys: Annotated[list[str], Field(description="The providers that the account has keys of its own for.")]
    budgets: list[BudgetItem]


class UsageCredits(Shape):
    """Credits of ended jobs."""
    charged: int
    refunded: int


class KeyUsageItem(Shape):
    """What one key did with one model."""
    key_id: str | None
    model: str
    jobs: int
    images: int
    credits: UsageCredits


class UsageItem(Shape):
    """What the account's keys did. If `complete` is false there was too much to count: ask again from `until` on."""
    object: Literal["usage"]
    since: Moment
    until: Moment
    complete: bool
    keys: list[KeyUsageItem]


class EndpointItem(Shape):
    """A callback endpoint. `secret` is shown once, in the answer that made it."""
    id: str
    object: Literal["callback_endpoint"]
    url: str
    events: list[str]
    description: str
    form: Annotated[str, Field(description="Empty for our own, else a dialect's name.")]
    disabled: bool
    disabled_reason: str | None
    created_at: Moment
    secret: str | None
    old_secret_valid_until: Moment | None


class TryItem(Shape):
    """One try to deliver. `status` is null when nothing answered."""
    at: Moment
    status: int | None
    ms: int
    reason: str | None


class DeliveryItem(Shape):
    """One event on its way to one target."""
    id: str
    object: Literal["delivery"]
    job: str
    event_id: str
    type: str
    target: str
    state: Literal["pending", "delivered", "failed"]
    created_at: Moment
    next_try_at: Moment | None
    tries: list[TryItem]


def _page(name: str, item: type[Shape], said: str, **more: Any) -> type[Page]:
    return create_model(name, __base__=Page, __doc__=said, data=(list[item], ...), **more)  # type: ignore[valid-type]


JobList = _page("JobList", JobSummary, "Jobs, newest first.")
ModelList = _page("ModelList", ModelItem, "The catalogue.")
PresetList = _page("PresetList", PresetItem, "The presets; `total` counts those of other pages, too.", total=(int, ...))
AssetList = _page("AssetList", AssetItem, "Assets, newest first.")
ProfileList = _page("ProfileList", ProfileItem, "The account's profiles, oldest first.")
EndpointList = _page("EndpointList", EndpointItem, "The account's callback endpoints.")
DeliveryList = _page("DeliveryList", DeliveryItem, "A delivery log.")


class Acceptance(Shape):
    """It will be done; `count` says for how many."""
    object: Literal["acceptance"]
    count: int


class FieldProblem(Shape):
    """One field that is wrong."""
    field: str | None
    code: Literal["unknown_field", "missing_field", "invalid_field"]
    message: str


class Problem(BaseModel):
    """An error (RFC 9457). `code` is stable; some codes add members of their own."""
    model_config = ConfigDict(extra="allow", strict=True)
    type: Annotated[str, Field(examples=["urn:packshot:error:invalid_field"])]
    title: str
    status: int
    detail: str
    code: Annotated[str, Field(examples=["invalid_field"])]
    field: Annotated[str | None, Field(description="The first offending field, as a path.",
                                       examples=["images[0]"])] = None
    errors: Annotated[list[FieldProblem], Field(max_length=20, description="All of them.")] = []
    request_id: str


ANSWERS: tuple[type[BaseModel], ...] = (
    JobItem, JobSummary, JobList, QuoteItem, ChecksItem, ModelList, PresetItem, PresetList, AssetItem, AssetList,
    UploadTicket, ProfileItem, ProfileList, AccountItem, UsageItem,
    EndpointItem, EndpointList, DeliveryList, Acceptance, Problem)
