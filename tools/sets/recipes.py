"""The plates as data: one `Recipe` a plate, one `Surface` a floor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Surface:
    """What a compositor has to know of a floor: mirror strength 0..1, blur of the mirror image 0..1, words for it."""

    title: str
    gloss: float
    polish: float
    words: tuple[str, ...]
    season: str | None = None


@dataclass(frozen=True)
class Room:
    """A window of a panorama behind the set: the arguments of distance.far_away, angles in degrees."""

    panorama: str
    yaw: float
    pitch: float = 4.0
    wide: float = 60.0
    blur: float = 0.03
    colour: float = 0.5
    level: float = 0.55
    lamps: int = 0


@dataclass(frozen=True)
class Recipe:
    """One plate.

    edge       where the floor ends, metres behind the stand point; None: it has no visible end
    behind     what stands there: "sweep", "wall:<paint>", a Room, or None
    props      names of functions in props.py
    gobo       "window" or "leaves": what throws a shadow from between the key light and the set
    exposure   1 = a white card at the stand point is almost white in the picture
    """

    surface: str
    view: str
    light: str
    kind: str = ""
    edge: float | None = None
    behind: str | Room | None = None
    props: tuple[str, ...] = ()
    gobo: str | None = None
    soft: str = "soft"
    exposure: float = 1.0
    words: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What tells this plate from the others of its surface."""
        views = {"front": "from the front", "high": "from above", "top": "flat lay"}
        return ", ".join(part for part in (self.kind, views[self.view], f"light from the {self.light}") if part)

    @property
    def samples(self) -> int:
        """Of a pixel: few do, because the denoiser is led by a clean colour pass; fine geometry and blur need more, and
        of a wood's grain the denoiser makes brush strokes."""
        if self.surface in ("oak", "walnut", "pine"):
            return 16
        return 5 if self.props or self.surface in ("moss", "sand", "snow") else 4 if self.view == "front" else 3

    @property
    def id(self) -> str:
        return "-".join(part for part in (self.surface, self.view, self.light, self.kind) if part)


SURFACES = {
    "sweep": Surface("Studio sweep", 0.06, 0.5, ("sweep", "studio", "plain", "seamless", "paper")),
    "white-marble": Surface("White marble", 0.2, 0.14, ("marble", "white", "stone", "bath", "kitchen", "carrara")),
    "dark-marble": Surface("Dark marble", 0.28, 0.1, ("marble", "black", "dark", "stone", "luxury")),
    "oak": Surface("Oak boards", 0.1, 0.4, ("oak", "wood", "table", "boards")),
    "walnut": Surface("Walnut boards", 0.13, 0.35, ("walnut", "wood", "dark", "table", "boards")),
    "pine": Surface("Pine boards", 0.07, 0.5, ("pine", "wood", "light", "table", "boards", "scandinavian")),
    "concrete": Surface("Concrete", 0.04, 0.7, ("concrete", "cement", "grey", "industrial", "loft")),
    "dark-concrete": Surface("Dark concrete", 0.05, 0.65, ("concrete", "cement", "dark", "anthracite", "industrial")),
    "linen": Surface("Linen", 0.0, 1.0, ("linen", "cloth", "fabric", "textile")),
    "plaster": Surface("Plaster", 0.02, 0.9, ("plaster", "minimal", "podium", "steps", "clay")),
    "slate": Surface("Slate", 0.06, 0.6, ("slate", "stone", "dark", "grey", "rock")),
    "terrazzo": Surface("Terrazzo", 0.14, 0.25, ("terrazzo", "stone", "speckled", "italian")),
    "sand": Surface("Sand", 0.0, 1.0, ("sand", "beach", "desert", "dune", "outdoor"), "summer"),
    "moss": Surface("Moss", 0.0, 1.0, ("moss", "grass", "forest", "nature", "green", "outdoor")),
    "snow": Surface("Snow", 0.0, 1.0, ("snow", "winter", "ice", "cold", "outdoor"), "winter"),
    "autumn": Surface("Autumn leaves", 0.05, 0.6, ("autumn", "fall", "leaves", "maple", "october"), "autumn"),
    "spring": Surface(
        "Spring blossom", 0.05, 0.55, ("spring", "blossom", "petals", "cherry", "flowers", "easter"), "spring"
    ),
    "christmas": Surface(
        "Christmas", 0.08, 0.5, ("christmas", "xmas", "fir", "holiday", "festive", "advent"), "christmas"
    ),
}

LIVING = Room("apartment", 125, 3, 46, 0.018, 0.5, 0.62)
WINDOW = Room("apartment", 50, 4, 44, 0.018, 0.5, 0.66)
OFFICE = Room("apartment", 215, 3, 44, 0.02, 0.35, 0.5)
LOFT = Room("warehouse", 20, 3, 46, 0.018, 0.4, 0.42)
WOODLAND = Room("forest", 200, 6, 46, 0.022, 0.85, 0.42)
GLADE = Room("forest", 212, 5, 46, 0.024, 0.9, 0.45)
MEADOW = Room("park", 90, 3, 50, 0.03, 0.75, 0.62)
WINTER = Room("forest", 120, 8, 46, 0.03, 0.25, 0.62)
SHORE = Room("sky", 0, 6, 46, 0.02, 0.8, 0.6)
LIGHTS = Room("apartment", 200, 2, 46, 0.021, 0.6, 0.035, lamps=70)

RECIPES = [
    Recipe("sweep", "front", "left", behind="sweep", words=("white",)),
    Recipe("sweep", "front", "right", behind="sweep", words=("white",)),
    Recipe("sweep", "front", "top", behind="sweep", words=("white",)),
    Recipe("sweep", "high", "left", behind="sweep", words=("white",)),
    Recipe("sweep", "high", "top", behind="sweep", words=("white",)),
    Recipe("sweep", "top", "left", behind="sweep", words=("white",)),
    Recipe("sweep", "top", "top", behind="sweep", words=("white",)),
    Recipe("white-marble", "front", "left", edge=0.5, behind="wall:white"),
    Recipe("white-marble", "high", "right"),
    Recipe("white-marble", "top", "left"),
    Recipe("dark-marble", "front", "left", edge=0.5, behind="wall:charcoal"),
    Recipe("dark-marble", "high", "left"),
    Recipe("dark-marble", "top", "right"),
    Recipe("oak", "front", "left", edge=0.42, behind=LIVING, words=("kitchen", "home")),
    Recipe(
        "oak",
        "front",
        "right",
        "window",
        edge=0.4,
        behind="wall:ivory",
        gobo="window",
        soft="hard",
        words=("sun", "home"),
    ),
    Recipe("oak", "high", "left"),
    Recipe("oak", "top", "left"),
    Recipe("walnut", "front", "left", edge=0.42, behind=OFFICE, words=("office",)),
    Recipe("walnut", "top", "right"),
    Recipe("pine", "front", "right", edge=0.42, behind=WINDOW, words=("kitchen", "home")),
    Recipe("pine", "high", "left"),
    Recipe("concrete", "front", "left", edge=0.45, behind="wall:concrete"),
    Recipe("concrete", "high", "right"),
    Recipe("concrete", "top", "top"),
    Recipe("dark-concrete", "front", "top", edge=0.5, behind="wall:dark-concrete"),
    Recipe("dark-concrete", "high", "left"),
    Recipe("linen", "front", "left", edge=0.5, behind="wall:ivory", words=("home",)),
    Recipe("linen", "high", "right"),
    Recipe("linen", "top", "left"),
    Recipe("plaster", "front", "left", "podium", edge=0.62, behind="wall:plaster", props=("podium",)),
    Recipe("plaster", "front", "right", "steps", edge=0.8, behind="wall:plaster", props=("steps",)),
    Recipe(
        "plaster",
        "front",
        "left",
        "leaves",
        edge=0.34,
        behind="wall:plaster",
        gobo="leaves",
        soft="hard",
        words=("sun",),
    ),
    Recipe("plaster", "high", "left", "podium", edge=0.7, behind="wall:plaster", props=("podium",)),
    Recipe("slate", "front", "left", edge=0.5, behind="wall:charcoal"),
    Recipe("slate", "top", "left"),
    Recipe("terrazzo", "front", "right", edge=0.4, behind="wall:white"),
    Recipe("terrazzo", "top", "top"),
    Recipe("sand", "front", "left", edge=1.6, behind=SHORE, soft="low", words=("sun",)),
    Recipe("sand", "high", "right", soft="low", words=("sun",)),
    Recipe("moss", "front", "left", "stone", edge=1.3, behind=WOODLAND, props=("slab",)),
    Recipe("snow", "front", "left", edge=1.5, behind=WINTER, exposure=1.4),
    Recipe("autumn", "front", "left", edge=0.55, behind=GLADE, props=("leaves",)),
    Recipe("autumn", "top", "left", props=("leaves",)),
    Recipe("spring", "front", "right", edge=0.5, behind=MEADOW, props=("petals",)),
    Recipe("spring", "top", "left", props=("petals",)),
    Recipe("christmas", "front", "left", edge=0.5, behind=LIGHTS, props=("fir",), exposure=0.85),
    Recipe("christmas", "top", "left", props=("fir",)),
]
