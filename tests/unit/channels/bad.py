"""Bad pictures, each spoilt in one way."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageFilter

from tests.unit.channels.pictures import clear, jpg, labelled, lined, product, saved

BAD: dict[str, Callable[[], bytes]] = {
    "webp": lambda: saved(product(640, 640), "WEBP", lossless=True),
    "bmp": lambda: saved(product(640, 640), "BMP"),
    "png": lambda: saved(product(640, 640), "PNG"),
    "gif": lambda: saved(product(640, 640), "GIF"),
    "two pictures": lambda: saved(
        product(640, 640), "GIF", save_all=True, append_images=[product(640, 640, 0.5)], duration=100
    ),
    "tiny": lambda: jpg(product(90, 90)),
    "small": lambda: jpg(product(240, 240)),
    "low": lambda: jpg(product(700, 480)),
    "middling": lambda: jpg(product(790, 790)),
    "wide": lambda: jpg(product(900, 640)),
    "three to four": lambda: jpg(product(720, 960)),
    "long": lambda: saved(Image.new("RGB", (6100, 620), (255, 255, 255)), "PNG"),
    "cmyk": lambda: jpg(product(640, 640).convert("CMYK")),
    "off white": lambda: saved(product(640, 640, ground=(254, 254, 253)), "PNG"),
    "grey": lambda: jpg(product(640, 640, ground=(240, 240, 240))),
    "clear": lambda: saved(clear(product(640, 640)), "PNG"),
    "subsampled": lambda: jpg(product(640, 640), subsampling=2),
    "little": lambda: jpg(product(640, 640, 0.5)),
    "less": lambda: jpg(product(640, 640, 0.7)),
    "much": lambda: jpg(product(640, 640, 0.95)),
    "cropped": lambda: jpg(product(640, 640, shift=120)),
    "framed": lambda: jpg(lined(product(640, 640))),
    "poor": lambda: jpg(product(1200, 1200), quality=60),
    "blurred": lambda: jpg(product(900, 1296).filter(ImageFilter.GaussianBlur(8))),
    "heavy": lambda: jpg(product(640, 640)) + bytes(20_000_000),
    "composite": lambda: jpg(product(640, 640), xmp=labelled("compositeWithTrainedAlgorithmicMedia")),
}
