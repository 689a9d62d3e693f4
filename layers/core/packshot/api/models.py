"""packshot's own API, said once: every request and every answer as a pydantic model.

`tools/openapi.py` makes two files of this page: `openapi.json`, which callers read, and `validators.json`, which the
functions run. So nothing here may need Python to be checked: rules between two fields are in `dialects/native.py`.
Functions never import this module (it would cost each cold start a tenth of a second); tools and tests do.
`x-expected` is how an error message names what a pattern allows.
"""

# fmt: off
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

WHEN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"
MILLISECONDS = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
NAME = r"^[^\x00-\x1f\x7f/\\]+$"

JobState = Literal["pending", "processing", "completed", "partial", "failed", "canceled"]
EventType = Literal["job.created", "job.processing", "job.completed", "job.partial", "job.failed", "job.canceled"]
PictureType = Literal["image/png", "image/jpeg", "image/webp"]
Resolution = Literal["1K", "2K", "4K"]

Instant = Annotated[str, Field(max_length=40, pattern=WHEN, examples=["2026-11-21T08:00:00Z"], json_schema_extra={
    "format": "date-time", "x-expected": "a time such as 2026-11-21T08:00:00Z (ISO 8601, with Z or an offset)"})]
Moment = Annotated[str, Field(pattern=MILLISECONDS, examples=["2026-11-21T08:00:00.000Z"], json_schema_extra={
    "format": "date-time"})]
Address = Annotated[str, Field(max_length=2048, pattern="^https?://", json_schema_extra={
    "format": "uri", "x-expected": "an absolute https address of at most 2048 characters"})]
ImageRef = Annotated[str, Field(min_length=1, pattern="^(https?://|as_|data:image/)", json_schema_extra={
    "x-expected": "an https address, an asset's id (as_...), or a data URI of a PNG, JPEG or WebP picture"})]
Cursor = Annotated[str, Field(min_length=1, max_length=2048, pattern="^[!-~]+$",
                              description="`next_cursor` of the page before.",
                              json_schema_extra={"x-expected": "the next_cursor of the page before"})]
Filename = Annotated[str, Field(min_length=1, max_length=255, pattern=NAME, examples=["mug.jpg"],
                                description="Kept for your own orientation.",
                                json_schema_extra={"x-expected": "a file name of 1 to 255 characters, no slashes"})]
Metadata = dict[Annotated[str, Field(min_length=1, max_length=40)], Annotated[str, Field(max_length=500)]]
ExternalId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["sku-4711"],
                                  description="Your own name for the job; jobs can be listed by it.",
                                  json_schema_extra={"x-expected": "text of 1 to 200 characters on one line"})]
Limit = Annotated[int, Field(ge=1, le=100, description="Most items in one page.")]
Events = Annotated[list[EventType], Field(min_length=1, max_length=6, description="What is sent to the endpoint.")]
Description = Annotated[str, Field(max_length=200, description="For people.", examples=["Shop back end"])]


class Shape(BaseModel):
    """No coercion, no unknown fields."""
    model_config = ConfigDict(extra="forbid", strict=True)


# ------------------------------------------------------------------------------------------------------- requests


class JobRequest(Shape):
    """What to make. Give pictures of the product, a prompt, or both, as the model demands."""
    operation: Annotated[Literal["generate"], Field(description="What to do.")] = "generate"
    model: Annotated[str, Field(min_length=1, max_length=64, description="An id of `GET /models`.")] = "studio"
    prompt: Annotated[str, Field(max_length=4000, description="What the picture should show.",
                                 examples=["on a marble table, morning light"])] = ""
    negative_prompt: Annotated[str, Field(max_length=2000, description="What it should not show.")] = ""
    images: Annotated[list[ImageRef], Field(
        max_length=14, description="Pictures of the product: https addresses, asset ids, or data URIs.",
        examples=[["https://shop.example/mug.jpg"]])] = []
    preset: Annotated[str | None, Field(min_length=1, max_length=64, description="A look of `GET /presets`.")] = None
    count: Annotated[int, Field(ge=1, le=10, description="How many pictures.")] = 1
    aspect_ratio: Annotated[str, Field(
        max_length=20, pattern=r"^(auto|[0-9]{1,5}(\.[0-9]{1,2})?:[0-9]{1,5}(\.[0-9]{1,2})?)$",
        description="`auto` (the first picture's) or width:height, between 1:20 and 20:1.", examples=["auto", "4:5"],
        json_schema_extra={"x-expected": "auto, or width:height between 1:20 and 20:1, such as 4:3"})] = "auto"
    width: Annotated[int | None, Field(
        ge=512, le=4096, description="Exact width in pixels; with `height`, instead of ratio and resolution.")] = None
    height: Annotated[int | None, Field(ge=512, le=4096, description="Exact height in pixels; with `width`.")] = None
    resolution: Annotated[Resolution, Field(description="The longer side: 1024, 2048 or 4096 pixels.")] = "1K"
    quality: Annotated[int | None, Field(ge=1, le=100, description="Of JPEG and WebP files.")] = None
    seed: Annotated[int | None, Field(ge=0, le=4294967295, description="Same seed, same picture, if supported.")] = None
    format: Annotated[Literal["png", "jpg", "webp"], Field(description="The file format.")] = "jpg"
    delivery: Annotated[Literal["urls", "bytes"], Field(
        description="`bytes` puts base64 `data` into the finished job as well.")] = "urls"
    callback_url: Annotated[Address | None, Field(
        description="Told when the job ends, beside the account's endpoints.",
        examples=["https://shop.example/hooks/packshot"])] = None
    metadata: Annotated[Metadata, Field(max_length=16, description="Your own pairs, given back as they are.",
                                        examples=[{"colour": "blue"}])] = Field(default_factory=dict)
    external_id: ExternalId | None = None


class PageQuery(Shape):
    """Which page; newest first."""
    limit: Limit = 20
    cursor: Cursor | None = None


class JobsQuery(PageQuery):
    """Which jobs; newest first."""
    state: Annotated[JobState | None, Field(description="Only jobs in this state.")] = None
    external_id: ExternalId | None = None
    created_after: Annotated[Instant | None, Field(description="Only jobs created at this time or later.")] = None
    created_before: Annotated[Instant | None, Field(description="Only jobs created before this time.")] = None


class UploadRequest(Shape):
    """A picture that you will upload straight to storage."""
    content_type: Annotated[PictureType, Field(description="Of the file that will be sent.")]
    bytes: Annotated[int, Field(ge=1, le=20_971_520, description="Its size.", examples=[2_400_000])]
    filename: Filename | None = None


class EndpointRequest(Shape):
    """A place of yours that is told what happens to jobs."""
    url: Annotated[Address, Field(examples=["https://shop.example/hooks/packshot"])]
    events: Events = ["job.completed", "job.partial", "job.failed", "job.canceled"]
    description: Description = ""


class EndpointChange(Shape):
    """What to change; fields left out stay as they are."""
    url: Address | None = None
    events: Events | None = None
    disabled: Annotated[bool | None, Field(description="True stops deliveries, false starts them again.")] = None
    description: Description | None = None


class RotateRequest(Shape):
    """How to change secrets."""
    overlap_seconds: Annotated[int, Field(ge=0, le=604_800,
                                          description="How long the old secret signs along with the new one.")] = 86400


class ReplayRequest(Shape):
    """Which deliveries to send again."""
    since: Annotated[Instant, Field(description="Events from this time on.")]
    until: Annotated[Instant, Field(description="Events before this time.", examples=["2026-11-22T08:00:00Z"])]
    failed_only: Annotated[bool, Field(description="Leave those alone that arrived.")] = True


class EmptyRequest(Shape):
    """Nothing."""


REQUESTS: tuple[type[Shape], ...] = (JobRequest, JobsQuery, PageQuery, UploadRequest, EndpointRequest, EndpointChange,
                                     RotateRequest, ReplayRequest, EmptyRequest)
# -------------------------------------------------------------------------------------------------------- answers


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


class OutputInfo(Shape):
    """A finished picture. `simulated` says that a stand-in made it, `report` what was measured."""
    index: int
    width: int
    height: int
    bytes: int
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    content_type: PictureType
    simulated: bool
    report: dict[str, Any]


class OutputItem(OutputInfo):
    """A finished picture and where to fetch it. `data` is base64, only with `delivery: bytes`."""
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


BriefItem = create_model("BriefItem", __base__=Shape, __doc__="What was asked for.", **{  # type: ignore[call-overload]
    name: (its.annotation, ...) for name, its in JobRequest.model_fields.items()
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
    operation: Literal["generate"]
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


class QuoteItem(Shape):
    """What a job would cost. `sufficient` says whether the account has it."""
    object: Literal["quote"]
    model: str
    count: int
    price_per_image: int
    total: int
    available: Balance
    sufficient: bool


class ModelItem(Shape):
    """A model, what it takes, and its credits for one image at each resolution."""
    id: str
    object: Literal["model"]
    title: str
    operations: list[str]
    credits: dict[str, int]
    images: Annotated[dict[Literal["min", "max"], int], Field(min_length=2)]
    accepts: list[str]
    resolutions: list[Resolution]
    aspect_ratios: list[str]
    max_count: int
    providers: list[str]


class PresetItem(Shape):
    """A look."""
    id: str
    object: Literal["preset"]
    version: int
    title: str
    prompt: str
    owner: str


class AssetItem(Shape):
    """A kept picture; `id` can stand in a job's `images`. `reason` says why it was rejected."""
    id: Annotated[str, Field(examples=["as_01kaj2v6w0000000000000001a"])]
    object: Literal["asset"]
    state: Literal["uploading", "ready", "rejected"]
    created_at: Moment
    content_type: str
    bytes: int
    filename: str | None
    reason: str | None


class UploadTicket(Shape):
    """A prepared upload: POST a multipart form of `fields`, then `file`, to `url`."""
    object: Literal["upload"]
    asset: AssetItem
    method: Literal["POST"]
    url: str
    fields: dict[str, str]
    expires_at: Moment


class AccountItem(Shape):
    """The account behind the key."""
    id: str
    object: Literal["account"]
    name: str
    mode: Literal["live", "test"]
    credits: Annotated[dict[Literal["available", "granted"], Balance], Field(min_length=2)]
    rate_limit: Annotated[dict[Literal["requests_per_minute", "burst"], int], Field(min_length=2)]
    scopes: list[str]


class EndpointItem(Shape):
    """A callback endpoint. `secret` is shown once, in the answer that made it."""
    id: str
    object: Literal["callback_endpoint"]
    url: str
    events: list[str]
    description: str
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


def _page(name: str, item: type[Shape], said: str) -> type[Page]:
    return create_model(name, __base__=Page, __doc__=said, data=(list[item], ...))  # type: ignore[valid-type]


JobList = _page("JobList", JobSummary, "Jobs, newest first.")
ModelList = _page("ModelList", ModelItem, "The catalogue.")
PresetList = _page("PresetList", PresetItem, "The presets.")
AssetList = _page("AssetList", AssetItem, "Assets, newest first.")
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
    JobItem, JobSummary, JobList, QuoteItem, ModelList, PresetList, AssetItem, AssetList, UploadTicket, AccountItem,
    EndpointItem, EndpointList, DeliveryList, Acceptance, Problem)
