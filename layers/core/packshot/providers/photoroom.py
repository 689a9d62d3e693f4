"""Photoroom: the product is cut out and set before another background; the answer to a create is the file itself.

A key that begins with `sandbox_` costs nothing and makes pictures with a watermark. Failed calls cost nothing. There is
no idempotency key, no webhook and nothing to poll. `v2/edit` is the Image Editing API, `v1/segment` the Remove
Background API at a fifth of its price, on a host of its own.
"""

from packshot.errors import ProviderError
from packshot.multipart import Part, compose
from packshot.providers import Credentials, Provider
from packshot.replies import Made, Reply, Shot, Source, later, no
from packshot.sniff import sniff
from packshot.wire import Request, Response

BASE_URL = "https://image-api.photoroom.com"
SEGMENT_URL = "https://sdk.photoroom.com"
EDIT, SEGMENT = "v2/edit", "v1/segment"
_SEEDS = 2**31  # assumed: the document says no more than that it is a number

# --- what each operation is told: a field that is not here is never sent ---------------------------------------------
_Fields = dict[str, str]


def _generate(shot: Shot) -> _Fields:
    """On a background made from words, in exactly the size wanted, with a little room around the product."""
    if not shot.prompt:
        raise ProviderError("a background is made from words")
    fields = {"removeBackground": "true", "background.prompt": shot.prompt, "padding": "0.1"}
    if shot.seed is not None:
        fields["background.seed"] = str(shot.seed % _SEEDS)
    return fields | {"outputSize": f"{shot.width}x{shot.height}"}


def _remove(shot: Shot) -> _Fields:
    """The product where it was, on nothing or on white."""
    fields = {"removeBackground": "true", "referenceBox": "originalImage", "outputSize": "originalImage"}
    return fields | ({"background.color": "FFFFFF"} if shot.brief.background == "white" else {})


def _relight(shot: Shot) -> _Fields:
    return {"removeBackground": "false", "lighting.mode": "ai.auto", "outputSize": "originalImage"}


_EDITS = {"generate": _generate, "remove_background": _remove, "relight": _relight}


def _edit(shot: Shot, source: Source) -> _Fields:
    if shot.brief.operation not in _EDITS:
        raise ProviderError(f"no translation for {shot.brief.operation}")
    fields = _EDITS[shot.brief.operation](shot)
    if source.content_type == "image/png" and fields["removeBackground"] == "true":  # cut out before it came to us
        fields["keepExistingAlphaChannel"] = "auto"
    large = shot.brief.operation == "generate" and shot.width * shot.height > 2048 * 2048
    return fields | {"export.format": "webp" if large else "png"}  # its jpeg is of quality 80, its webp of 90


def _segment(shot: Shot) -> _Fields:
    if shot.brief.operation != "remove_background":
        raise ProviderError(f"{SEGMENT} does nothing but remove a background")
    return {"format": "png", **({"bg_color": "white"} if shot.brief.background == "white" else {})}


# --- requests --------------------------------------------------------------------------------------------------------
def _request(method: str, url: str, path: str, credentials: Credentials, body: bytes = b"", kind: str = "") -> Request:
    base = (credentials.get("base_url") or url).rstrip("/")
    headers = {"x-api-key": credentials.get("token", ""), **({"content-type": kind} if kind else {})}
    return Request(method, f"{base}/{path}", headers, body)


def write(shot: Shot, credentials: Credentials, webhook_url: str | None) -> Request:
    """Edit one picture. Raises ProviderError for a model, an operation, a number of pictures or a mask it cannot do."""
    if shot.model not in (EDIT, SEGMENT) or len(shot.inputs) != 1 or shot.mask is not None:
        raise ProviderError(f"no translation for {len(shot.inputs)} pictures to {shot.model}")
    source, edits = shot.inputs[0], shot.model == EDIT
    fields = _edit(shot, source) if edits else _segment(shot)
    name = "product.png" if source.content_type == "image/png" else "product.jpg"
    file = Part("imageFile" if edits else "image_file", source.data, name, source.content_type)
    kind, body = compose([file, *(Part(field, value.encode()) for field, value in fields.items())])
    return _request("POST", BASE_URL if edits else SEGMENT_URL, shot.model, credentials, body, kind)


def write_probe(credentials: Credentials) -> Request:
    """The account's plan, and how many images are left; free."""
    return _request("GET", BASE_URL, "v2/account", credentials)


# --- replies ---------------------------------------------------------------------------------------------------------
_BY_STATUS = {401: "provider_unauthorized", 402: "provider_quota", 403: "provider_unauthorized"}


def read(response: Response) -> Reply:
    """What an answer means. Nothing can come later: whatever is neither a picture nor a refusal has failed.

    A parameter that the API does not know is passed over with a success and listed in a header: such a picture is not
    what was asked for, and another route does better.
    """
    status = response.status
    if status == 429:
        return later(response.headers)
    if 400 <= status < 500 and status != 408:
        return no(_BY_STATUS.get(status, "provider_invalid_input"))
    if not 200 <= status < 300:
        return no("provider_failed")
    if response.headers.get("pr-unsupported-attributes"):
        return no("provider_invalid_input")
    return Made((response.body,)) if sniff(response.body) else no("provider_empty")


provider = Provider(
    completion="sync",
    base_url=BASE_URL,
    output_hosts=(),
    images_per_call=1,
    typical=(4, 8, 15),  # assumed until measured
    deadline=300,
    write=write, read=read, write_probe=write_probe,
    secrets={"token": True},
    api_hosts=("sdk.photoroom.com",),
    seconds=120,  # assumed: the document says nothing of how long it holds a connection
    max_answer=32 * 1024 * 1024,
    inputs="bytes",
    longest_input=4096,  # a file may have 30 MB; nothing larger than this is ever made of it
)  # fmt: skip
