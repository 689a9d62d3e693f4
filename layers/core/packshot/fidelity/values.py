"""What is told about a finished picture of a product."""

from __future__ import annotations

from dataclasses import asdict, dataclass

NOTES = ("missing", "too_small", "mirrored", "several", "cropped", "outline_unsure", "turned")


@dataclass(frozen=True)
class Fidelity:
    """What became of a product. Measures are None when the product was not found or is too small to be measured.

    silhouette      0..1, overlap of the outlines (intersection over union) after alignment
    lost            share of the product's area that is not there any more, or outside the picture's frame
    colour_delta_e  mean CIEDE2000 of the most alike nine tenths of the product, after a global change of light
    light_change    stops by which the product became brighter
    colour_moved    share of the product's area with another hue or tone
    marks           0..1, how well text, logos and seams survive in their worst quarter; None also if it has none
    added           share of the product's area with fine detail that it has not
    stretch         1 = as it was; 1.15 = one direction is 15 % longer than the one across it
    scale           pixels of the picture per pixel of the cut-out
    found           0..1, how sure the search is
    notes           out of NOTES:
                    missing         the product is not in the picture
                    too_small       it is there, or was sent, with too few pixels to be measured
                    mirrored        it is its mirror image
                    several         it is there more than once
                    cropped         the picture's frame cuts it off
                    outline_unsure  too little of it stands out: parts that were added are not seen
                    turned          by more than 8 degrees in the plane of the picture
    """

    silhouette: float | None = None
    lost: float | None = None
    colour_delta_e: float | None = None
    light_change: float | None = None
    colour_moved: float | None = None
    marks: float | None = None
    added: float | None = None
    stretch: float | None = None
    scale: float | None = None
    found: float = 0.0
    notes: tuple[str, ...] = ()

    def to_report(self) -> dict[str, float | list[str] | None]:
        """As JSON; numbers rounded to four places."""
        stated: dict[str, float | list[str] | None] = {}
        for name, value in asdict(self).items():
            stated[name] = list(value) if name == "notes" else None if value is None else round(float(value), 4)
        return stated
