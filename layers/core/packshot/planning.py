"""From a brief to a priced job: which model and routes, how many calls. Pure; refuses what no model can say exactly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from packshot.brief import RESOLUTION_FACTOR, Brief
from packshot.catalog import Model, Skill, models, presets
from packshot.errors import CallerError
from packshot.job import Call, Credits, Job, Route, State
from packshot.ledger import price_of

FIRST_LOOK_MS = 60_000
"""When the sweep looks at a job that nobody has touched yet, unless its provider is expected sooner."""

DEFAULT_MODEL = "studio"
"""What an account uses that has chosen nothing, wherever it can do what is asked."""

_OPTIONAL = (
    "prompt",
    "negative_prompt",
    "preset",
    "seed",
    "quality",
    "scale",
    "strength",
    "guidance",
    "detail",
    "background",
    "box",
    "point",
    "adjust",
)
FIELDS = {"box": "subject_box", "point": "subject_point"}
"""What callers call a field that is not called so here."""

_OWN_SIZE = ("remove_background", "upscale")
"""Operations that never change a picture's shape."""

_VARY = frozenset({"prompt", "seed"})
"""A model that takes neither makes the same picture of the same brief every time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a route's provider, what planning must know: images in one request and when to look first, in ms."""

    images_per_call: int
    first_look: int


def settle(
    brief: Brief, *, lenient: frozenset[str], choices: Mapping[str, str], usable: Callable[[Model], bool]
) -> tuple[Brief, Model]:
    """The model of a brief, and the brief as that model will hear it.

    A brief that names no model gets the account's choice for its operation, else the built-in studio where that can do
    all of it, else the first of the catalogue that can. `lenient` fields that the model cannot express are left out; a
    negative prompt goes into the prompt. Raises CallerError naming the field for whatever else it cannot express.
    """
    named = brief.model or choices.get(brief.operation)
    if named:
        return _fit(brief, model_of(named), lenient)
    refusals = []
    for model in models().values():
        skill = model.operations.get(brief.operation)
        if skill is None or not skill.routes or not usable(model):
            continue
        try:
            if "words" in skill.accepts and "prompt" not in lenient:
                _check_words(brief, model)
            return _fit(brief, model, lenient)
        except CallerError as error:
            refusals.append(error)
    if not refusals:
        raise CallerError("unsupported_by_model", f"No model here can {_said(brief)}.", field="operation")
    raise refusals[min(1, len(refusals) - 1)]  # the studio, which comes first, refuses most: the next says more


def model_of(name: str) -> Model:
    """The catalogue's entry. Raises CallerError `unknown_model`."""
    model = models().get(name)
    if model is None:
        known = ", ".join(models())
        raise CallerError("unknown_model", f"There is no model of that name. Known: {known}.", field="model")
    return model


def _check_words(brief: Brief, model: Model) -> None:
    """A model that knows a few words only is not chosen for a brief that has others; who names it gets told of them."""
    if not (brief.prompt or brief.negative_prompt):
        return
    from packshot import words  # not at the top: most briefs name a model, and each cold start would pay for it

    unknown = words.read(brief.prompt, brief.negative_prompt).ignored
    if unknown:
        raise CallerError("unsupported_by_model", f"{model.id}: does not know {', '.join(unknown[:5])}", field="prompt")


def _fit(brief: Brief, model: Model, lenient: frozenset[str]) -> tuple[Brief, Model]:
    skill = model.operations.get(brief.operation)
    brief = replace(brief, model=model.id)
    if skill is not None:
        unheard = [name for name in sorted(lenient) if name not in skill.accepts]
        if "negative_prompt" in unheard and brief.negative_prompt and "prompt" in skill.accepts:
            brief = replace(brief, prompt=f"{brief.prompt}\nAvoid: {brief.negative_prompt}".strip())
        defaults: dict[str, Any] = {name: Brief.__dataclass_fields__[name].default for name in unheard}
        brief = replace(brief, **defaults)
        if model.detail is not None and brief.detail is None:
            brief = replace(brief, detail=model.detail)
    check(brief, model)
    return brief, model


def check(brief: Brief, model: Model) -> None:
    """Raise CallerError naming the field for any wish that the model cannot express; nothing is dropped silently."""

    def refuse(field: str, message: str) -> CallerError:
        return CallerError("unsupported_by_model", f"{model.id}: {message}", field=field)

    skill = model.operations.get(brief.operation)
    if skill is None:
        raise refuse("operation", f"cannot {_said(brief)}")
    if not skill.routes:
        raise refuse("model", "no provider of this deployment makes it")
    if brief.preset is not None and brief.look is None and brief.preset not in presets():
        known = ", ".join(presets())
        raise CallerError("unknown_preset", f"There is no preset of that name. Known: {known}.", field="preset")
    _check_pictures(brief, skill, refuse)
    for name in _OPTIONAL:
        pinned = name == "detail" and brief.detail == model.detail
        if getattr(brief, name) not in (None, "", ()) and name not in skill.accepts and not pinned:
            raise refuse(FIELDS.get(name, name), f"has no {FIELDS.get(name, name)}")
    if "erases" in skill.accepts and brief.prompt:
        from packshot import words  # not at the top: few briefs come here, and each cold start would pay for it

        if words.adds_something(brief.prompt):
            raise refuse("prompt", "can only take something away: write what to remove")
    if brief.width is not None and "exact_size" not in skill.accepts:
        raise refuse("width", "takes an aspect ratio and a resolution, not an exact size")
    if brief.like_input and "like_input" not in skill.accepts:
        raise refuse("aspect_ratio", "cannot keep the picture's own size")
    if brief.operation in _OWN_SIZE and not brief.like_input:
        raise refuse("aspect_ratio", f"{_said(brief)} keeps the picture's own size and shape")
    if brief.billed_resolution not in model.resolutions:
        raise refuse("resolution", f"makes {', '.join(model.resolutions)}")
    own_shape = brief.width is None and not brief.like_input
    if own_shape and "*" not in model.ratios and brief.aspect_ratio not in model.ratios:
        raise refuse("aspect_ratio", f"takes {', '.join(model.ratios)}")
    if own_shape and brief.aspect_ratio == "auto" and not brief.images:
        raise CallerError(
            "invalid_field", "auto takes the shape of the first picture; there is none.", field="aspect_ratio"
        )
    _check_channels(brief, refuse)
    if brief.count > model.max_count:
        raise refuse("count", f"makes at most {model.max_count}")
    if brief.count > 1 and not brief.channels and not skill.accepts & _VARY:
        raise refuse("count", f"a second picture of {_said(brief)} would be the first again: ask for 1")


def _check_channels(brief: Brief, refuse: Callable[[str, str], CallerError]) -> None:
    if not brief.channels:
        if brief.operation == "fix":
            raise CallerError("missing_field", "fix needs the channels to mend for.", field="channels")
        return
    if brief.count != len(brief.channels):
        raise CallerError("invalid_field", "Each channel gets one picture: leave count out.", field="count")
    if brief.operation in _OWN_SIZE:
        raise refuse("channels", f"{_said(brief)} keeps the picture as it is, and a channel has its own size")


def _check_pictures(brief: Brief, skill: Skill, refuse: Callable[[str, str], CallerError]) -> None:
    for role, operation in (("reference", "remix"), ("mask", "inpaint")):
        given = len(brief.of(role))  # type: ignore[arg-type]
        if brief.operation == operation and given != 1:
            raise CallerError("missing_field", f"{operation} needs one picture as its {role}.", field=role)
        if brief.operation != operation and given:
            raise CallerError("invalid_field", f"Only {operation} takes a {role}.", field=role)
    shown = len(brief.images) - len(brief.of("mask"))
    if shown < skill.min_images:
        raise refuse("images", f"needs {_pictures(skill.min_images)} and cannot work from words alone")
    if shown > skill.max_images:
        raise refuse("images", f"takes at most {_pictures(skill.max_images)}")
    if not (brief.images or brief.prompt):
        raise CallerError("missing_field", "Give a prompt, a picture, or both.", field="prompt")


def _pictures(number: int) -> str:
    return f"{number} picture{'s' * (number != 1)}"


def _said(brief: Brief) -> str:
    return brief.operation.replace("_", " ")


def plan(
    brief: Brief,
    model: Model,
    routes: tuple[Route, ...],
    limits: Limits,
    *,
    job_id: str,
    account: str,
    key: str,
    now: int,
    test: bool,
    request_id: str,
    price: int | None = None,
    patience: int | None = None,
    prefer: str = "order",
    budgets: tuple[str, ...] = (),
) -> Job:
    """The job that an accepted brief becomes; `reserved` is filled in by whoever knows the balance.

    `price` is credits for one image where that is not the catalogue's; `patience` the seconds after which nobody waits
    for it any more; `prefer` how its routes are chosen, `budgets` whose caps it counts against.
    """
    size = max(1, limits.images_per_call)
    first_look = now + min(limits.first_look, FIRST_LOOK_MS)
    calls = tuple(Call(first, min(size, brief.count - first), due=first_look) for first in range(0, brief.count, size))
    factor = RESOLUTION_FACTOR[brief.billed_resolution]
    lasts = model.deadline if patience is None else min(model.deadline, patience)
    each = price_of(brief, model.credits) if price is None else price
    return Job(
        id=job_id,
        account=account,
        model=model.id,
        operation=brief.operation,
        state=State.PENDING,
        version=1,
        created=now,
        updated=now,
        deadline=now + lasts * 1000,
        count=brief.count,
        price=0 if test else each,
        reserved=Credits(),
        routes=tuple(replace(route, micro_usd=route.micro_usd * factor) for route in routes),
        calls=calls,
        test=test,
        external_id=brief.external_id,
        request_id=request_id,
        key=key,
        prefer=prefer,
        cached=brief.seed is not None if brief.cache is None else brief.cache,
        budgets=budgets,
    )
