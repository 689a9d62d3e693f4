"""What can go wrong in the studio; the messages are written for the person who sent the picture."""

from __future__ import annotations


class StudioError(Exception):
    """The studio cannot make this picture."""


class NothingFound(StudioError):
    """No product stands out from its background."""


class BadCutout(StudioError):
    """Stored bytes are not a cut-out of this version."""


class BadShot(StudioError):
    """The wish itself is outside what the studio can do: unknown preset, size or format."""


class TooLarge(StudioError):
    """The finished picture would be larger than pictures may be."""


class WeightsMissing(StudioError):
    """The model's weights are absent or are another model's: a fault of the deployment, never of the caller."""
