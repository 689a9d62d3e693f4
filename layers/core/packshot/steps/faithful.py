"""Is the product in a provider's picture still the one that was given? Its cut-out is looked for in the picture."""

from collections.abc import Callable
from dataclasses import dataclass

from packshot import fidelity, studio
from packshot.brief import Brief
from packshot.fidelity import Fidelity
from packshot.job import Failure, Job
from packshot.picture import Picture
from packshot.ports import Http, Pictures
from packshot.steps.cutouts import Cutouts
from packshot.steps.inputs import BadInput, gather

CHANGED = Failure("product_changed", "The picture does not surely show the product that was given.")

UNSEEN = Failure("product_unseen", "Nothing shows that the picture's product is still the one that was given.")
"""The product's own picture is gone, or no product can be told from its background."""

Look = Callable[[Picture], Fidelity]
"""How a picture is held against the product that was given."""


class Untrue(Exception):
    """A picture may not be delivered: `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Examiner:
    """What it takes to compare."""

    cutouts: Cutouts
    uploads: Pictures
    outputs: Pictures
    http: Http

    def __call__(self, job: Job, brief: Brief) -> Look | None:
        """How to look at a job's pictures; None where there is no product to compare with."""
        try:
            inputs = gather(job, brief, uploads=self.uploads, outputs=self.outputs, http=self.http)
            place = next(place for place, image in enumerate(brief.images) if image.role == "product")
            product = self.cutouts.of(job.account, brief, inputs[place])
        except (StopIteration, BadInput, studio.NothingFound):
            return None
        return lambda picture: fidelity.examine(
            product, picture, weights=self.cutouts.weights, operation=brief.operation
        )


def judged(brief: Brief, look: Look | None, picture: Picture) -> dict[str, object]:
    """The words of a picture's report: `fidelity`, and in `check` why somebody should look at it.

    Raises Untrue where the brief's gate holds the picture back.
    """
    if not brief.of("product"):
        return {}
    gate = brief.fidelity or "creative"
    if look is None:
        if gate == "strict":
            raise Untrue(UNSEEN)
        return {"check": ["not_compared"]}
    found = look(picture)
    verdict = fidelity.verdict(found, gate)
    if (verdict != "same" and gate == "strict") or (verdict == "changed" and gate == "balanced"):
        raise Untrue(CHANGED)
    report: dict[str, object] = {"fidelity": {**found.to_report(), "gate": gate, "verdict": verdict}}
    if verdict != "same":
        report["check"] = ["fidelity"]
    return report
