"""The products: which model, how large, what of, and which pictures are taken of each.

Every model of the archive named here has its own licence file there that says CC0. Models with brands were left out,
and no picture texture is used: materials are a colour and a procedural finish. A model that starts with `own:` is built
by `shapes.py`.
"""

from __future__ import annotations

from typing import NamedTuple


class Product(NamedTuple):
    """One product. `size` = longest side in metres; `tags` hold for each of its pictures.

    `cases` = one picture each: `messy`, `plain` (wall and floor only), `hard` (hard cast shadow), `white` (white on
    white), `black`, `crop` (touches the frame), `tiny`, `several`, `off` (off-centre), `high` (from above).
    `finish` = of materials whose name tells nothing. `tint` = recolours these materials (a regular expression).
    `tip` = turned about the x axis by so many degrees before it is put down. `front` = the turn that shows its face.
    `crease` = the model's own normals are broken: made again, smooth but for edges of more degrees than this.
    """

    name: str
    model: str
    size: float
    half: str
    cases: tuple[str, ...]
    finish: str = "plastic"
    place: str = "table"
    tags: tuple[str, ...] = ()
    tint: str = ""
    tip: float = 0.0
    front: float = 0.0
    crease: float = 0.0


T, R = "tuning", "reporting"
THIN, OPEN, GLASS, PLANT, WHITE, BLACK = "thin", "openings", "glass", "plant", "white-product", "black-product"

PRODUCTS = (
    # worn and carried
    Product("boots", "bootie", 0.27, T, ("messy", "hard"), "leather", tint="Base"),
    Product("slippers", "slippers", 0.28, R, ("messy", "high", "black"), "cloth", "floor", (OPEN,), tint="fabric|base"),
    Product("handbag", "handbag", 0.26, R, ("messy", "white"), "leather", tags=(OPEN,), tint="Color", crease=40),
    Product("briefcase", "briefcase", 0.4, T, ("messy", "black"), "leather", tags=(OPEN,), tint="Case", crease=40),
    Product(
        "umbrella",
        "umbrellaFolded",
        0.8,
        T,
        ("plain", "off"),
        "cloth",
        "floor",
        (THIN, OPEN),
        tint="fabric|trim",
        tip=90,
        front=75,
    ),
    Product("headphones", "headphones", 0.2, R, ("messy", "black"), tags=(OPEN, THIN), tint="Material"),
    # table
    Product("coffee-cup", "caffe_final", 0.14, T, ("messy", "white"), "ceramic", tags=(WHITE, OPEN)),
    Product("mug", "own:mug", 0.11, R, ("messy", "several"), "ceramic", tags=(OPEN,), tint="body"),
    Product("bowl", "own:bowl", 0.22, T, ("messy", "high"), "ceramic", tint="body"),
    Product("kettle", "own:kettle", 0.26, R, ("messy", "hard"), "metal", tags=(OPEN,)),
    Product("butter-dish", "butter", 0.16, R, ("messy", "high"), "ceramic"),
    Product("beer-mug", "beerGlass", 0.165, T, ("messy", "plain"), "glass", tags=(GLASS, OPEN)),
    Product("tumbler", "own:tumbler", 0.12, R, ("messy", "several"), "glass", tags=(GLASS,)),
    Product("wine-bottle", "own:bottle", 0.31, T, ("messy", "tiny"), "glass", tags=(GLASS,)),
    Product("party-cup", "plasticCup", 0.1, T, ("off", "several"), tint="Exterior"),
    Product("yogurt-bottle", "yogurtBottle", 0.212, R, ("white", "messy"), tags=(WHITE,)),
    Product("baby-bottle", "mamadeira", 0.147, T, ("messy", "hard"), "milky", tags=(GLASS,)),
    Product("coffee-maker", "coffeeBrewer", 0.385, R, ("messy", "crop"), tags=(OPEN,), tint="Plastic_B"),
    Product("knife-rack", "knifeStandSwap", 0.39, T, ("high",), "metal", tags=(THIN, OPEN), tip=-90),
    # bathroom and garden
    Product("cream-pot", "cosmeticsPot", 0.078, T, ("white", "tiny"), tags=(WHITE,)),
    Product("perfume", "flacon", 0.13, R, ("messy", "hard"), "glass", tags=(GLASS,)),
    Product("comb", "comb", 0.125, R, ("high", "tiny"), tags=(THIN, OPEN)),
    Product("wheelbarrow", "wheelbarrow", 1.66, T, ("plain", "messy"), "metal", "floor", (THIN, OPEN)),
    # home
    Product("vase", "own:vase", 0.3, R, ("messy", "white", "off"), "ceramic", tint="body"),
    Product("glass-vase", "own:glass-vase", 0.26, T, ("messy", "hard"), "glass", tags=(GLASS,)),
    Product("deer-figure", "deer", 0.2, T, ("plain", "black"), "ceramic", tags=(THIN, OPEN), tint="Material"),
    Product("books", "own:books", 0.25, R, ("messy", "high"), "paper"),
    Product("alarm-clock", "own:clock", 0.16, T, ("messy", "hard"), "metal", tags=(OPEN, THIN), tint="body"),
    Product("cuckoo-clock", "cuckooClock", 0.74, R, ("high",), "wood", "floor", (THIN,), tip=-90),
    Product("table-lamp", "desklamp", 0.4, R, ("messy", "plain"), "brass"),
    Product("wall-lamp", "wallLight", 0.54, T, ("high",), "metal", tags=(THIN, OPEN, WHITE), tip=-90),
    Product("chrome-stool", "stool", 0.98, R, ("plain",), "rubber", "floor", (THIN, OPEN)),
    Product("cactus", "cactus", 0.225, T, ("messy", "several"), "ceramic", tags=(PLANT, THIN)),
    Product("orchid", "orchids", 0.574, R, ("messy", "plain"), "ceramic", tags=(PLANT, THIN, OPEN)),
    Product("palm", "plant", 1.17, T, ("messy",), "ceramic", "floor", (PLANT, THIN, OPEN)),
    Product("topiary", "decorativePlant", 1.03, R, ("messy",), "ceramic", "floor", (PLANT, THIN, OPEN)),
    Product("flower-box", "flowerBox", 0.55, T, ("hard",), "plastic", "table", (PLANT, THIN)),
    # toys, music, devices
    Product("teddy", "teddyBear", 0.33, T, ("messy", "crop"), "plush", tint="teddy"),
    Product("rocking-horse", "caballito", 0.68, R, ("messy", "hard"), "wood", "floor", (OPEN,)),
    Product("toy-plane", "cartoon_biplane", 0.14, T, ("messy", "high"), "plastic", tags=(THIN, OPEN)),
    Product("puzzle", "housePuzzle", 0.156, R, ("high", "tiny"), "wood", tags=(OPEN,)),
    Product("toy-motorbike", "motorbike", 0.4, R, ("messy", "off"), tags=(OPEN, THIN)),
    Product("guitar", "electricGuitar", 1.1, T, ("plain", "crop"), "lacquer", "floor", (THIN, OPEN), tint="Body"),
    Product("camera", "own:camera", 0.14, R, ("messy", "black"), "rubber", tags=(BLACK,)),
    Product("speaker", "speaker2", 0.36, T, ("black", "messy"), "wood", tags=(BLACK,)),
    Product("table-fan", "tableFan", 0.4, R, ("messy", "white"), tags=(THIN, OPEN, WHITE)),
    Product("metal-fan", "riggedFan", 0.33, T, ("messy",), tags=(THIN, OPEN)),
    Product("scissors", "cissors_swap", 0.137, T, ("high", "tiny"), tags=(THIN, OPEN)),
    Product("tennis-racket", "tennisRacket", 0.685, R, ("high",), "lacquer", "floor", (THIN, OPEN)),
    Product("storage-box", "box", 0.6, R, ("messy", "crop"), "plastic", "floor", (OPEN,), tint="Plastic"),
    # seats
    Product("oak-chair", "oakChair", 1.178, R, ("messy",), "wood", "floor", (THIN, OPEN)),
    Product("osaka-chair", "osakaChair", 0.77, T, ("messy",), "wood", "floor", (THIN, OPEN)),
    Product("plastic-chair", "plasticChair", 0.82, R, ("messy", "hard"), "plastic", "floor", (THIN, OPEN), tint="001"),
    Product("folding-stool", "foldingChair", 0.47, T, ("plain", "hard"), "cloth", "floor", (THIN, OPEN)),
    Product("bar-stool", "silla2", 0.79, R, ("messy", "off"), "lacquer", "floor", (THIN, OPEN)),
    Product("shell-chair", "sillaBlanca", 0.85, T, ("white", "messy"), "plastic", "floor", (OPEN, WHITE)),
    Product("lounger", "relaxChair", 1.9, R, ("messy",), "leather", "floor", (THIN, OPEN)),
    Product("piano-bench", "pianoBench", 0.62, T, ("black", "messy"), "lacquer", "floor", (OPEN, BLACK)),
    Product("leather-chair", "modernArmchair", 0.87, R, ("messy", "crop"), "leather", "floor", (THIN, OPEN)),
    Product("cradle", "babyRockingBed", 0.83, T, ("white", "messy"), "lacquer", "floor", (THIN, OPEN, WHITE)),
)

# model and longest side in metres
SMALL_CLUTTER = (
    ("caffe_final", 0.14), ("cactus", 0.22), ("butter", 0.16), ("cosmeticsPot", 0.08), ("comb", 0.12),
    ("own:mug", 0.11), ("own:books", 0.25), ("own:vase", 0.28), ("own:bowl", 0.22), ("yogurtBottle", 0.21),
    ("cartoon_biplane", 0.14), ("own:clock", 0.16), ("plasticCup", 0.1), ("cissors_swap", 0.14), ("deer", 0.2),
    ("own:bottle", 0.31), ("housePuzzle", 0.16), ("own:tumbler", 0.12), ("desklamp", 0.4), ("headphones", 0.2),
    ("slippers", 0.28),
)  # fmt: skip
LARGE_CLUTTER = (
    ("plant", 1.17), ("decorativePlant", 1.03), ("babyRockingBed", 0.83), ("sofa2", 1.67), ("verticalShelves", 1.85),
    ("shelves", 0.79), ("designChair", 0.99), ("plasticChair", 0.82), ("briefcase", 0.4), ("wheelbarrow", 1.66),
    ("dustbin", 0.35), ("stool", 0.98), ("cupboard", 1.5), ("radiator", 1.4), ("pallet", 1.2), ("box", 0.9),
    ("desk", 1.39), ("umbrellaFolded", 0.8), ("whiteBoard", 1.29), ("couch2", 2.3), ("modernArmchair", 0.87),
    ("tableFan", 0.4),
)  # fmt: skip
