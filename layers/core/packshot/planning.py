"""From a brief to a priced job: which routes, how many calls. Pure; refuses what no model can say exactly."""

from dataclasses import dataclass, replace

from packshot.brief import RESOLUTION_FACTOR, Brief
from packshot.catalog import Model, models, presets
from packshot.errors import CallerError
from packshot.job import Call, Credits, Job, Route, State
from packshot.ledger import price_of

FIRST_LOOK_MS = 60_000
"""When the sweep looks at a job that nobody has touched yet, unless its provider is expected sooner."""

_OPTIONAL = ("prompt", "negative_prompt", "preset", "seed", "quality")


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a route's provider, what planning must know: images in one request and when to look first, in ms."""

    images_per_call: int
    first_look: int


def model_of(brief: Brief) -> Model:
    """The catalogue's entry. Raises CallerError `unknown_model`."""
    model = models().get(brief.model)
    if model is None:
        known = ", ".join(models())
        raise CallerError("unknown_model", f"There is no model of that name. Known: {known}.", field="model")
    return model


def check(brief: Brief, model: Model) -> None:
    """Raise CallerError naming the field for any wish that the model cannot express; nothing is dropped silently."""

    def refuse(field: str, message: str) -> CallerError:
        return CallerError("unsupported_by_model", f"{model.id}: {message}", field=field)

    if brief.operation not in model.operations:
        raise refuse("operation", f"cannot {brief.operation}")
    if brief.preset is not None and brief.preset not in presets():
        known = ", ".join(presets())
        raise CallerError("unknown_preset", f"There is no preset of that name. Known: {known}.", field="preset")
    if len(brief.images) < model.min_images:
        raise refuse("images", f"needs {model.min_images} picture of the product and cannot work from words alone")
    if len(brief.images) > model.max_images:
        raise refuse("images", f"takes at most {model.max_images} pictures")
    if not (brief.images or brief.prompt):
        raise CallerError("missing_field", "Give a prompt, a picture, or both.", field="prompt")
    for name in _OPTIONAL:
        if getattr(brief, name) not in (None, "") and name not in model.accepts:
            raise refuse(name, f"has no {name}")
    if brief.width is not None and "exact_size" not in model.accepts:
        raise refuse("width", "takes an aspect ratio and a resolution, not an exact size")
    if brief.billed_resolution not in model.resolutions:
        raise refuse("resolution", f"makes {', '.join(model.resolutions)}")
    if brief.width is None and "*" not in model.ratios and brief.aspect_ratio not in model.ratios:
        raise refuse("aspect_ratio", f"takes {', '.join(model.ratios)}")
    if brief.aspect_ratio == "auto" and brief.width is None and not brief.images:
        raise CallerError(
            "invalid_field", "auto takes the shape of the first picture; there is none.", field="aspect_ratio"
        )
    if brief.count > model.max_count:
        raise refuse("count", f"makes at most {model.max_count}")


def plan(
    brief: Brief,
    model: Model,
    routes: tuple[Route, ...],
    limits: Limits,
    *,
    job_id: str,
    account: str,
    now: int,
    test: bool,
    request_id: str,
) -> Job:
    """The job that an accepted brief becomes; `reserved` is filled in by whoever knows the balance."""
    size = max(1, limits.images_per_call)
    first_look = now + min(limits.first_look, FIRST_LOOK_MS)
    calls = tuple(Call(first, min(size, brief.count - first), due=first_look) for first in range(0, brief.count, size))
    factor = RESOLUTION_FACTOR[brief.billed_resolution]
    return Job(
        id=job_id,
        account=account,
        model=model.id,
        operation=brief.operation,
        state=State.PENDING,
        version=1,
        created=now,
        updated=now,
        deadline=now + model.deadline * 1000,
        count=brief.count,
        price=0 if test else price_of(brief, model.credits),
        reserved=Credits(),
        routes=tuple(replace(route, micro_usd=route.micro_usd * factor) for route in routes),
        calls=calls,
        test=test,
        external_id=brief.external_id,
        request_id=request_id,
    )
