"""packshot's own API, said once: every request as a pydantic model; the answers are in `shapes.py`.

`tools/openapi.py` makes two files of these: `openapi.json`, which callers read, and `validators.json`, which the
functions run. So nothing here may need Python to be checked: rules between two fields are in `dialects/native.py`.
Functions never import this module (it would cost each cold start a tenth of a second); tools and tests do.
`x-expected` is how an error message names what a pattern allows.
"""

# fmt: off
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from packshot.brief import Adjust, Channel, Delivery, Detail, Format, Gate, Operation, Resolution
from packshot.routing import Prefer

WHEN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"
NAME = r"^[^\x00-\x1f\x7f/\\]+$"

JobState = Literal["pending", "processing", "completed", "partial", "failed", "canceled"]
EventType = Literal["job.created", "job.processing", "job.completed", "job.partial", "job.failed", "job.canceled"]
PictureType = Literal["image/png", "image/jpeg", "image/webp"]
Category = Literal["lifestyle", "studio", "seasonal", "custom"]
Owner = Literal["system", "account"]

Instant = Annotated[str, Field(max_length=40, pattern=WHEN, examples=["2026-11-21T08:00:00Z"], json_schema_extra={
    "format": "date-time", "x-expected": "a time such as 2026-11-21T08:00:00Z (ISO 8601, with Z or an offset)"})]
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
ProfileId = Annotated[str, Field(min_length=1, max_length=64, pattern="^prf_", json_schema_extra={
    "x-expected": "a profile's id (prf_...)"})]
Tag = Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["mugs"],
                           json_schema_extra={"x-expected": "text of 1 to 50 characters on one line"})]
Tags = Annotated[list[Tag], Field(max_length=20, description="Assets can be listed by one of them.",
                                  examples=[["mugs", "2026"]])]
ProfileTag = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["models"],
                                  description="Groups profiles.",
                                  json_schema_extra={"x-expected": "text of 1 to 128 characters on one line"})]
Metadata = dict[Annotated[str, Field(min_length=1, max_length=40)], Annotated[str, Field(max_length=500)]]
ExternalId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["sku-4711"],
                                  description="Your own name for the job; jobs can be listed by it.",
                                  json_schema_extra={"x-expected": "text of 1 to 200 characters on one line"})]
KeyId = Annotated[str, Field(min_length=1, max_length=64, pattern="^[0-9A-Za-z]+$", examples=["4kT09xQbZa"],
                             description="Only jobs that came by the key of this id.",
                             json_schema_extra={"x-expected": "a key's id: letters and digits"})]
Share = Annotated[float, Field(ge=0, le=1, json_schema_extra={"x-expected": "a number from 0 to 1"})]
Channels = Annotated[list[Channel], Field(
    min_length=1, max_length=9, examples=[["amazon", "zalando"]], json_schema_extra={
        "uniqueItems": True, "x-expected": "1 to 9 marketplaces, each once"})]
Limit = Annotated[int, Field(ge=1, le=100, description="Most items in one page.")]
Events = Annotated[list[EventType], Field(min_length=1, max_length=6, description="What is sent to the endpoint.")]
Description = Annotated[str, Field(max_length=200, description="For people.", examples=["Shop back end"])]


class Shape(BaseModel):
    """No coercion, no unknown fields."""
    model_config = ConfigDict(extra="forbid", strict=True)


# ------------------------------------------------------------------------------------------------------- requests


class JobRequest(Shape):
    """What to make. Give pictures of the product, a prompt, or both, as the operation and the model demand."""
    operation: Annotated[Operation, Field(description="What to do.")] = "generate"
    model: Annotated[str | None, Field(
        min_length=1, max_length=64, examples=["studio"],
        description="An id of `GET /models`. Absent: the account's choice for the operation, else the built-in studio "
                    "where it can do all that is asked, else the first model that can.")] = None
    prompt: Annotated[str, Field(max_length=4000, description="What the picture should show.",
                                 examples=["on a marble table, morning light"])] = ""
    negative_prompt: Annotated[str, Field(max_length=2000, description="What it should not show.")] = ""
    images: Annotated[list[ImageRef], Field(
        max_length=14, description="Pictures of the product: https addresses, asset ids, or data URIs.",
        examples=[["https://shop.example/mug.jpg"]])] = []
    reference: Annotated[ImageRef | None, Field(
        description="The picture whose look a remix follows; a remix needs it.")] = None
    mask: Annotated[ImageRef | None, Field(
        description="Where to inpaint, as large as the picture it lies on; an inpaint needs it.")] = None
    mask_kind: Annotated[Literal["white", "black", "transparent"], Field(
        description="What the places that are changed are in the mask.")] = "white"
    profiles: Annotated[list[ProfileId], Field(
        max_length=4, description="Ids of `GET /profiles`: who is in the picture. Their pictures go along.")] = []
    preset: Annotated[str | None, Field(
        min_length=1, max_length=64,
        description="A look of `GET /presets`; `id@version` is an older version of your own.")] = None
    count: Annotated[int, Field(ge=1, le=10, description="How many pictures.")] = 1
    aspect_ratio: Annotated[str, Field(
        max_length=20, pattern=r"^(auto|[0-9]{1,5}(\.[0-9]{1,2})?:[0-9]{1,5}(\.[0-9]{1,2})?)$",
        description="`auto` (the first picture's) or width:height, between 1:20 and 20:1.", examples=["auto", "4:5"],
        json_schema_extra={"x-expected": "auto, or width:height between 1:20 and 20:1, such as 4:3"})] = "auto"
    width: Annotated[int | None, Field(
        ge=512, le=4096, description="Exact width in pixels; with `height`, instead of ratio and resolution.")] = None
    height: Annotated[int | None, Field(ge=512, le=4096, description="Exact height in pixels; with `width`.")] = None
    resolution: Annotated[Resolution, Field(description="The longer side: 1024, 2048 or 4096 pixels.")] = "1K"
    like_input: Annotated[bool | None, Field(
        description="The first picture's own size, times `scale`; instead of width, height and ratio. Absent: true for "
                    "remove_background, upscale, enhance, relight and inpaint if neither size, ratio nor resolution is "
                    "given.")] = None
    scale: Annotated[Literal[2, 4] | None, Field(
        description="How much larger an upscale gets; absent: 2.", json_schema_extra={"x-expected": "2 or 4"})] = None
    strength: Annotated[float | None, Field(
        ge=0, le=1, description="How far to go from what was given.",
        json_schema_extra={"x-expected": "a number from 0 to 1"})] = None
    guidance: Annotated[float | None, Field(
        ge=0, le=30, description="How literally to take the words (CFG scale).",
        json_schema_extra={"x-expected": "a number from 0 to 30"})] = None
    detail: Annotated[Detail | None, Field(description="Effort against time, where a model has that.")] = None
    background: Annotated[Literal["transparent", "white"] | None, Field(
        description="What stands behind the product once its background is removed.")] = None
    subject_box: Annotated[list[Share] | None, Field(
        min_length=4, max_length=4, examples=[[0.2, 0.1, 0.8, 0.95]],
        description="Where the product is in its picture: left, top, right, bottom, as shares of the upright picture. "
                    "Helps where several things stand out.",
        json_schema_extra={"x-expected": "left, top, right, bottom, as shares from 0 to 1"})] = None
    subject_point: Annotated[list[Share] | None, Field(
        min_length=2, max_length=2, examples=[[0.5, 0.6]],
        description="A place on the product: x, y, as shares of the upright picture; instead of `subject_box`.",
        json_schema_extra={"x-expected": "x, y, as shares from 0 to 1"})] = None
    channels: Annotated[Channels | None, Field(
        description="One picture for each of these marketplaces, made to its rules, with a report in `compliance`; "
                    "instead of count, size, ratio and format.")] = None
    fidelity: Annotated[Gate | None, Field(
        description="What to do with a picture that does not show the product as it was given: `strict` delivers only "
                    "what is still the same, `balanced` all but what is clearly another, `creative` everything, with "
                    "the report. Absent: creative.")] = None
    adjust: Annotated[list[Adjust] | None, Field(
        min_length=1, max_length=3, description="Correct the product's own colours and light before it is set: by how "
                                                "much is reported. Absent: they are never touched.",
        json_schema_extra={"uniqueItems": True})] = None
    quality: Annotated[int | None, Field(ge=1, le=100, description="Of JPEG and WebP files.")] = None
    seed: Annotated[int | None, Field(ge=0, le=4294967295, description="Same seed, same picture, if supported.")] = None
    format: Annotated[Format, Field(description="The file format; absent, remove_background makes png.")] = "jpg"
    delivery: Annotated[Delivery, Field(
        description="`bytes` puts base64 `data` into the finished job as well; `links` gives addresses that last as "
                    "long as the picture.")] = "urls"
    keep: Annotated[bool, Field(description="The pictures never expire.")] = False
    cache: Annotated[bool | None, Field(
        description="Equal jobs of the account share their pictures: the later one gets copies, for free. Absent: true "
                    "if a `seed` is given.")] = None
    prefer: Annotated[Prefer | None, Field(
        description="Which of the model's routes to try first: as the catalogue lists them, the cheapest, the fastest, "
                    "or the one that fails least. Absent: as the key or the catalogue says.")] = None
    callback_url: Annotated[Address | None, Field(
        description="Told when the job ends, beside the account's endpoints.",
        examples=["https://shop.example/hooks/packshot"])] = None
    metadata: Annotated[Metadata, Field(max_length=16, description="Your own pairs, given back as they are.",
                                        examples=[{"colour": "blue"}])] = Field(default_factory=dict)
    external_id: ExternalId | None = None


class CheckRequest(Shape):
    """A picture, and the marketplaces whose rules it is to be measured by."""
    image: Annotated[ImageRef, Field(description="An https address, an asset's id, or a data URI; of PNG, JPEG, WebP, "
                                                 "GIF, TIFF or BMP.", examples=["https://shop.example/mug.jpg"])]
    channels: Channels
    filename: Filename | None = None


class FixRequest(Shape):
    """A picture, and the marketplaces that it is to be mended for; one picture each."""
    image: Annotated[ImageRef, Field(examples=["https://shop.example/mug.jpg"])]
    channels: Channels
    subject_box: Annotated[list[Share] | None, Field(
        min_length=4, max_length=4, description="Where the product is, as in a job.",
        json_schema_extra={"x-expected": "left, top, right, bottom, as shares from 0 to 1"})] = None
    subject_point: Annotated[list[Share] | None, Field(
        min_length=2, max_length=2, description="A place on the product, as in a job.",
        json_schema_extra={"x-expected": "x, y, as shares from 0 to 1"})] = None
    delivery: Annotated[Delivery, Field(description="As in a job.")] = "urls"
    keep: Annotated[bool, Field(description="The pictures never expire.")] = False
    callback_url: Annotated[Address | None, Field(description="Told when the job ends.")] = None
    metadata: Annotated[Metadata, Field(max_length=16, description="Your own pairs, given back as they are.")] = Field(
        default_factory=dict)
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
    key_id: KeyId | None = None


class PresetsQuery(Shape):
    """Which presets; the system's first."""
    limit: Limit = 100
    offset: Annotated[int, Field(ge=0, le=100_000, description="How many to pass over.")] = 0
    category: Annotated[Category | None, Field(description="Only presets of this category.")] = None
    owner: Annotated[Owner | None, Field(description="Only the system's, or only your own.")] = None


class AssetsQuery(PageQuery):
    """Which assets; newest first."""
    tag: Annotated[Tag | None, Field(description="Only assets with this tag.")] = None


class ProfilesQuery(Shape):
    """Which profiles."""
    tag: Annotated[ProfileTag | None, Field(description="Only profiles with this tag.")] = None


class UsageQuery(Shape):
    """Of which time; at most 92 days."""
    since: Annotated[Instant, Field(description="Jobs created at this time or later.")]
    until: Annotated[Instant, Field(description="Jobs created before this time.", examples=["2026-11-22T08:00:00Z"])]


class PresetRequest(Shape):
    """A look of your own."""
    title: Annotated[str, Field(min_length=1, max_length=100, examples=["Autumn"])]
    prompt: Annotated[str, Field(min_length=1, max_length=4000, description="What a generative model is told.",
                                 examples=["On a wooden table with dry leaves, low sun."])]
    studio: Annotated[str, Field(min_length=1, max_length=64, description="The system preset whose set the built-in "
                                                                          "studio uses for it.")] = "studio"
    category: Annotated[Category, Field(description="Presets can be listed by it.")] = "custom"
    description: Annotated[str, Field(max_length=500, description="For people.")] = ""


class UploadRequest(Shape):
    """A picture that you will upload straight to storage."""
    content_type: Annotated[PictureType, Field(description="Of the file that will be sent.")]
    bytes: Annotated[int, Field(ge=1, le=20_971_520, description="Its size.", examples=[2_400_000])]
    filename: Filename | None = None
    tags: Tags = []


class ImportRequest(Shape):
    """A picture that is to be fetched."""
    url: Annotated[Address, Field(examples=["https://shop.example/mug.jpg"])]
    filename: Filename | None = None
    tags: Tags = []


class AssetForm(Shape):
    """A picture as a form's file; every tag is a field of its own."""
    file: Annotated[str, Field(description="PNG, JPEG or WebP.", json_schema_extra={
        "contentMediaType": "application/octet-stream", "x-expected": "one file"})]
    tags: Tags = []


class ProfileRequest(Shape):
    """Reference pictures of one subject."""
    images: Annotated[list[Address], Field(
        min_length=1, max_length=50, description="https addresses.", examples=[["https://shop.example/anna-1.jpg"]])]
    tag: ProfileTag | None = None


class AccountChange(Shape):
    """What to change about the account."""
    models: Annotated[dict[Operation, Annotated[str, Field(max_length=64)]], Field(
        max_length=8, description="Which model to use where a job names none, by operation; an empty text is the "
                                  "default again. Operations left out stay as they are.",
        examples=[{"remove_background": "studio"}])]


class ProviderKeyRequest(Shape):
    """Credentials of your own at a provider; they are never shown again."""
    fields: Annotated[dict[Annotated[str, Field(min_length=1, max_length=64)],
                           Annotated[str, Field(min_length=1, max_length=4000)]], Field(
        min_length=1, max_length=10, examples=[{"token": "key_id:key_secret"}],
        description="By name, as the provider needs them: a wrong name's refusal lists them.")]


class EndpointRequest(Shape):
    """A place of yours that is told what happens to jobs."""
    url: Annotated[Address, Field(examples=["https://shop.example/hooks/packshot"])]
    events: Events = ["job.completed", "job.partial", "job.failed", "job.canceled"]
    description: Description = ""
    form: Annotated[str, Field(
        max_length=40, description="Empty: it hears of all jobs, in our own form. A dialect's name, such as `phota`: "
                                   "of that dialect's jobs alone, in that dialect's form.")] = ""


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


REQUESTS: tuple[type[Shape], ...] = (
    JobRequest, CheckRequest, FixRequest, JobsQuery, PresetsQuery, AssetsQuery, ProfilesQuery, UsageQuery,
    PresetRequest, UploadRequest, ImportRequest, AssetForm, ProfileRequest, AccountChange, ProviderKeyRequest,
    EndpointRequest, EndpointChange, RotateRequest, ReplayRequest, EmptyRequest)
