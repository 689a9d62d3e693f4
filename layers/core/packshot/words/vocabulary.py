"""The words that the studio knows, as data. `words` reads a prompt with them. English only.

A phrase is words of lower case parted by blanks; hyphens are blanks. In the tables phrases are parted by commas.
"""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[int, int, int]  # 8-bit sRGB


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a phrase says: its kind, its value, and what the reply adds in brackets."""

    kind: str
    value: str
    note: str = ""


SURFACES = {
    "white-marble": "marble, white marble, light marble, carrara marble, calacatta marble, white carrara marble",
    "dark-marble": "dark marble, black marble, dark polished stone, black polished stone, nero marquina",
    "oak": "oak, oak wood, wood, wooden, timber, wooden board, wood plank, wooden plank",
    "walnut": "walnut, dark walnut, dark wood, dark wooden, dark oak, mahogany",
    "pine": "pine, pine wood, pinewood, light wood, light wooden, pale wood, birch, spruce, maple",
    "concrete": "concrete, cement, grey concrete, gray concrete, light concrete",
    "dark-concrete": "dark concrete, black concrete, dark cement, anthracite concrete, dark grey concrete",
    "linen": "linen, cloth, fabric, textile, tablecloth, table cloth, natural linen, beige linen, burlap, canvas cloth",
    "plaster": "plaster, stucco, podium, pedestal, plinth, steps, stair, stairs, platform, riser, display stand",
    "slate": "slate, dark slate, black slate, stone, dark stone, black stone, stone slab, grey stone, gray stone, rock",
    "terrazzo": "terrazzo",
    "sand": "sand, beach, sandy, desert, dune, sandy beach",
    "moss": "moss, grass, lawn, mossy, green grass, green moss, meadow, forest floor, garden",
    "snow": "snow, snowy, white snow, fresh snow",
    "autumn": "autumn leaves, fall leaves, autumn leaf, fallen leaves, dry leaves, autumn foliage, fall foliage",
    "spring": "blossom, cherry blossom, spring blossom, spring flowers",
    "christmas": "christmas decoration, christmas ornament, christmas bauble, fir branches, fir branch, christmas tree",
    "sweep": "sweep, seamless, cyclorama, infinity cove, studio sweep, paper sweep, seamless paper, "
    "plain background, clean background, neutral background, simple background, plain backdrop, neutral backdrop, "
    "clean backdrop, seamless backdrop, seamless background, infinity background, paper backdrop, paper background, "
    "studio backdrop, studio background, solid background, infinite background",
}

HUES = (
    "white ffffff, off white f6f3ec, warm white faf5eb, cool white f2f6fa, ivory faf5e4, cream f7eed8, "
    "eggshell f0ead6, beige e0d0b6, sand coloured d6c4a4, nude e3c7b2, taupe 968678, greige beb6aa, khaki b0a276, "
    "tan ceac82, camel c19a6b, caramel ba7c42, brown 734a2e, chocolate 4e3020, coffee brown 5c4030, rust a84a28, "
    "terracotta c96a4b, clay b87a60, copper b87342, burnt orange c45a1c, orange f08a24, apricot facaa0, peach faccb0, "
    "coral f67e68, salmon f69882, gold cca44e, mustard d4a42e, mustard yellow d4a42e, ochre c88834, yellow f8d646, "
    "lemon faec74, lime b0d446, lime green b0d446, green 56965c, sage b0bc9e, sage green b0bc9e, olive 7a7c42, "
    "olive green 7a7c42, mint bce4ce, mint green bce4ce, emerald 167a58, emerald green 167a58, forest green 265238, "
    "bottle green 144836, teal 167a7e, turquoise 48c4c0, aqua 92dadc, cyan 3cbed6, petrol 125664, blue 4274be, "
    "sky blue 96c8ea, baby blue bcd8ee, powder blue b8cee0, royal blue 3452b2, cobalt 1c46a0, cobalt blue 1c46a0, "
    "navy 1c284e, navy blue 1c284e, midnight blue 161a3c, slate blue 647492, indigo 423a80, purple 7a4a9a, "
    "violet 8a5cb6, lavender d0c4e8, lilac ccacd6, mauve bc96aa, plum 6c345c, aubergine 46243e, magenta c83282, "
    "fuchsia d63686, hot pink f05896, pink f4c2c2, baby pink f6ced4, blush f0d0c8, blush pink f0d0c8, rose e2a0a4, "
    "dusty rose ca9692, dusty pink d6aaa4, rose gold d6a492, red c42c2c, crimson a61c2e, burgundy 681a2a, "
    "wine red 681a2a, maroon 641c22, grey 969698, warm grey a49e96, cool grey 949aa2, slate grey 626c76, "
    "stone grey a4a098, silver c4c6ca, charcoal 36383c, anthracite 2e3236, graphite 404246, black 121214"
)
"""Every colour and its sRGB levels; `grey` may be spelt gray."""
TONES = {"light": 0.45, "pale": 0.6, "pastel": 0.5, "soft": 0.4, "bright": 0.0, "dark": -0.45, "deep": -0.3}
"""How much white (above 0) or black (below) a word before a colour mixes in; `light` and `soft` mean more alone."""
GREYED = {"muted": 0.4, "dusty": 0.3}
"""The same with the grey of the colour's own brightness."""
GROUND_TONES: dict[str, Colour] = {"dark": (38, 38, 42), "light": (236, 236, 238)}
"""A background that is dark or light and of no other colour."""

STYLES = {
    "luxury": "luxury, luxurious, premium, elegant, opulent, high end",
    "lifestyle": "lifestyle, homely, cosy, cozy",
    "rustic": "rustic, farmhouse, country style",
    "studio": "studio, packshot style",
    "minimal": "minimal, minimalist, minimalistic",
    "natural": "natural, organic",
    "white": "white background, white backdrop, white bg, plain white background, clean white background, "
    "plain white backdrop, isolated on white, isolated on a white background, white cutout",
    "pure white": "pure white, pure white background, pure white backdrop, amazon, amazon style, marketplace white, "
    "solid white background, exact white, amazon background, amazon white background, isolated on pure white, "
    "amazon main image, amazon style main image, marketplace main image",
}
PRESETS = {
    "luxury": "luxury",
    "lifestyle": "lifestyle",
    "rustic": "wood",
    "studio": "studio",
    "minimal": "studio",
    "natural": "lifestyle",
    "white": "white",
    "pure white": "white",
}
GENERAL = frozenset({"studio", "minimal"})
"""Styles that give way to any other, before or after them, because they do not contradict it."""
SHY = frozenset({"natural"})
"""Styles that count only alone or before a word for the whole picture: natural light is no style."""

LIGHTS = {
    "left": "left light, left lighting, left lit, left side light, left side lighting, light left, lit left",
    "right": "right light, right lighting, right lit, right side light, right side lighting, light right, lit right",
    "top": "top light, top lighting, top lit, overhead light, overhead lighting, overhead lamp, light above",
    "left ": "side light, side lighting, side lit, sidelight",
}
SIDES = {
    "left": "left, upper left, top left, left side, left hand side, upper left corner, upper left side",
    "right": "right, upper right, top right, right side, right hand side, upper right corner, upper right side",
    "left ": "side",
}
"""A side says where light comes from when light, or `from`, stands before it."""
ABOVE = "above, directly above, straight above, top, overhead"
"""Light from there when light was spoken of, else the camera, if `from` stands before it."""
SOFTNESS = {
    "soft": "soft, softly, diffuse, diffused, gentle, softbox, natural light, natural lighting, daylight, "
    "window light, soft box, overcast, even light, even lighting, evenly lit, ambient light, natural daylight, "
    "subtle, faint, high key, slight",
    "hard": "hard, harsh, sunlight, sunlit, direct sun, direct sunlight, sunshine, dramatic light, "
    "dramatic lighting, spotlight, strong light, crisp light, crisp, harsh sun, hard sun, sunny, bright sun, "
    "strong sunlight, dramatic, low key, low key light, low key lighting",
}
WARMTH = {
    "warm": "warm, warmly, warmer, golden, golden hour, sunset, golden light, candlelight, candle light",
    "cool": "cool, cold, cooler, icy, bluish, blue hour, moonlight",
}
VIEWS = {
    "top (flat lay)": "flat lay, flatlay, knolling",
    "top (top down)": "top down, top down view, top view, bird's eye, bird's eye view, birds eye, birds eye view, "
    "overhead view, overhead shot, overhead angle, overhead photo, overhead perspective, overhead camera, "
    "directly from above, straight from above",
    "front": "front view, eye level, eye level view, straight on, head on, frontal, frontal view, from the front, "
    "front facing, front angle, from front",
    "high": "three quarter, three quarter view, three quarters view, three quarter angle, 3 4 view, 3 4 angle, "
    "45 degrees, 45 degree, 45 degree angle, 45 degree view, 45 degrees angle, high angle, high angle view, "
    "slightly from above, slightly above, angled view, high view, from slightly above",
}
SHADOWS = {
    "": "shadow, cast shadow, shadowed",
    "none": "shadowless, shadow free",
    "soft": "drop shadow, contact shadow, natural shadow, ground shadow",
    "hard": "long shadow, sharp shadow, strong shadow, dramatic shadow, deep shadow",
}
NO_SHADOW = {"": "none", "none": "soft", "soft": "none", "hard": "soft"}
"""What is left when a shadow of that kind is not wanted."""
REFLECTIONS = {
    "yes": "reflection, reflective, reflecting, mirror, mirrored, glossy, mirror surface, glossy surface, "
    "reflective surface, glossy floor, mirror floor, reflective floor, mirror reflection, shiny surface, wet floor",
    "no": "matte, matt, reflection free, non reflective, matte surface",
}
SEASONS = {
    "winter": "winter, wintery, wintry, winter wonderland",
    "christmas": "christmas, xmas, festive, christmassy",
    "autumn": "autumn, fall season, autumnal, fall colours, fall colors, fall theme, fall",
    "spring": "spring, springtime, spring time, easter",
    "summer": "summer, summery, summertime",
}
MET = {
    "product: unchanged": "exactly as it is, unchanged, as it is, true colours, true colors, true to colour, "
    "true to color, accurate colours, accurate colors, unaltered, true to life colours",
    "product: centred": "centred, centered, in the centre, in the center, in the middle, centre frame, center frame",
    "style: realistic": "realistic, photorealistic, photo realistic, photorealism, lifelike",
}
"""Wishes that every picture meets."""
NEVER = (
    "people, person, human, man, woman, men, women, child, children, model, hand, finger, face, body, figure, limb, "
    "extra limb, extra finger, mannequin, animal, text, letter, lettering, caption, writing, word, typography, font, "
    "watermark, signature, stamp, overlay, border, prop, clutter, extra object, other object, other product, "
    "extra product, duplicate, cartoon, illustration, painting, drawing, sketch, anime, cgi, blur, blurry, blurred, "
    "out of focus, deformed, distorted, distortion, mutated, mutation, disfigured, bad anatomy, bad proportions, "
    "hallucination, altered product, frame, price tag, sticker, banner, qr code, emoji, collage, split screen"
)
"""What the studio never adds to a picture. The product's own label stays, whatever it shows."""

BEYOND = (
    "black and white, back light, back lit, backlight, backlit, back lighting, rim light, rim lighting, from behind, "
    "from below, low angle, worm's eye, side view, back view, close up, side angle, light leak, light bulb, "
    "neon light"
)
"""Phrases whose words mean something else alone, and which are beyond the studio."""

NEGATIONS = "no, not, without, never, avoid, don't, do not, dont, zero, exclude, excluding, minus, nor, free of, isn't"
PLACES = "on, onto, upon, atop, against, over, before, amid, among, amongst, on top of, in front of, in, inside, across"
TURNS = "but, instead, rather, just, only, however, with, having, featuring, plus, while, then, yet, include, including"
"""Words at which a negation ends."""
JOINS = "and, or, &, as well as, together"
GRAMMAR = (
    "a, an, the, this, that, these, those, my, our, your, its, it, i, we, you, me, us, of, to, at, by, for, from, "
    "into, is, are, be, am, was, were, been, being, which, who, where, so, as, if, such, some, any, there, here, has, "
    "have, should, would, could, must, can, will, shall, may, like, please, kindly, want, need, wish, would like, "
    "let, let's, lets, i'd, i'm, it's, let it, make, take, create, generate, give, show, render, produce, get, use, "
    "using, set, do, placed, standing, sitting, resting, lying, laid, put, stand, sits, stands, rests, coming, "
    "falling, comes, under, beneath, near, next, around, behind, through, up, out, off, also, too, very, really, "
    "quite, bit, little, slightly, keep, thanks, thank, hello, hi, ok, okay, keeping, made, shown, displayed, "
    "presented, within, during, via"
)
PRAISE = (
    "professional, professionally, nice, nicely, beautiful, beautifully, good, great, best, better, perfect, "
    "perfectly, amazing, awesome, stunning, gorgeous, high quality, quality, top quality, best quality, excellent, "
    "fine, lovely, pretty, attractive, appealing, cool looking, good looking, wonderful, masterpiece, award winning, "
    "impressive"
)
SUBJECTS = "product, item, object, goods, merchandise, article, packaging, package, subject"
CAMERAS = (
    "photo, photograph, photography, picture, image, shot, packshot, pack shot, product photo, product photograph, "
    "product photography, product shot, product picture, product image, view, angle, perspective, camera, "
    "photographed, seen, viewed, photo shoot, photoshoot, shoot, pic, snapshot, render"
)
LAMPS = "light, lighting, lit, illumination, illuminated, lamp, key light, light source, key lighting, sun, window"
GROUNDS = (
    "background, backdrop, surface, scene, setting, set up, setup, base, ground, bg, colour, color, colored, "
    "coloured, tone, hue, shade, palette, colour scheme, color scheme, theme, style, look, mood, atmosphere, "
    "ambience, ambiance, vibe, feel, feeling, effect, environment, touch"
)
STANDS = "wall, floor, top, slab, board, stand, texture, countertop, counter, shelf, paper, sheet"
"""Grounds that are a wish when nothing is said of them."""
TABLES = "table, tabletop, table top, desk, desktop, wooden table, wood table, wooden desk, wooden tabletop"
"""Grounds that are of oak when nothing else is said of them."""
MATERIAL = (
    "polished, rough, smooth, raw, brushed, weathered, reclaimed, aged, worn, textured, fresh, crumpled, wrinkled, "
    "solid, plain, clean, simple, neutral, real, veined, seamless white, shiny, fine grained, vintage, antique, "
    "round, directional, moody"
)
"""Words between a colour or surface and what it belongs to."""

# What is said of a place in a picture that is to be erased.
ERASING = (
    "remove, removed, removing, removal, erase, erased, erasing, delete, deleted, deleting, clean, cleaned, clear, "
    "hide, retouch, heal, tidy, wipe, eliminate, repair, rid, away, patch, drop, strip, fix, no, without"
)
ADDING = (
    "add, adds, added, adding, put, place, insert, draw, paint, write, print, attach, stick, hang, lay, sprinkle, "
    "turn, make, give, generate, create, change, replace, replaced, swap, exchange, substitute, recolour, recolor, "
    "decorate, wear, show, fill, cover, transform, convert, set, apply, dress"
)
EMPTY = (
    "nothing, blank, empty, plain, same, surrounding, surroundings, matching, original, existing, clean, smooth, "
    "area, space, set, rest, seamless, seamlessly, naturally, continue, continued, extend, extended, fill, filled, "
    "blend, blended, match, region, mask, masked, spot, place, behind, selection, selected, inpaint, inpainting, "
    "part, hole"
)
"""Words that ask for what is around the place anyway."""


def _colours() -> dict[str, Colour]:
    found: dict[str, Colour] = {}
    for entry in HUES.split(", "):
        name, _, levels = entry.rpartition(" ")
        red, green, blue = bytes.fromhex(levels)
        found[name] = (red, green, blue)
    return found


COLOURS = _colours()


def phrases(text: str) -> list[str]:
    """The phrases of a table's line."""
    return [phrase.strip() for phrase in text.split(",")]


def rgb(value: str) -> Colour:
    """The colour that "#aabbcc", a name, or shades before a name say. Raises KeyError for anything else."""
    if value.startswith("#"):
        red, green, blue = bytes.fromhex(value[1:])
        return red, green, blue
    shades: list[str] = []
    name = value
    while name not in COLOURS and name not in GROUND_TONES and " " in name:
        shade, name = name.split(" ", 1)
        shades.append(shade)
    colour = COLOURS[name] if name in COLOURS else GROUND_TONES[name]
    for shade in reversed(shades):
        mix = TONES[shade] if shade in TONES else GREYED[shade]
        grey = round(0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2])
        towards = grey if shade in GREYED else 255 if mix > 0 else 0
        red, green, blue = (round(level + abs(mix) * (towards - level)) for level in colour)
        colour = (red, green, blue)
    return colour


def hexed(colour: Colour) -> str:
    """A colour as "#aabbcc"."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def plural(phrase: str) -> str:
    """The plural of an English noun phrase, by rule."""
    if phrase.endswith(("s", "x", "ch", "sh")):
        return phrase + "es"
    return phrase[:-1] + "ies" if phrase.endswith("y") and phrase[-2] not in "aeiou" else phrase + "s"


def _table() -> dict[tuple[str, ...], Meaning]:
    found: dict[tuple[str, ...], Meaning] = {}

    def add(text: str, meaning: Meaning | str, nouns: bool = False) -> None:
        for phrase in phrases(text):
            for form in (phrase, plural(phrase)) if nouns else (phrase,):
                value = Meaning(meaning, phrase) if isinstance(meaning, str) else meaning
                found.setdefault(tuple(form.split()), value)

    for kind, table in KINDS.items():
        for value, text in table.items():
            name, _, note = value.strip().partition(" (")
            add(text, Meaning(kind, name, note.rstrip(")")), nouns=kind in NOUNS)
    for name in COLOURS:
        for spelt in {name, name.replace("grey", "gray"), name.replace("coloured", "colored")}:
            add(spelt, Meaning("colour", name), nouns=True)
    for kind, text in PLAIN.items():
        add(text, kind, nouns=kind in NOUNS)
    return found


KINDS = {
    "season": SEASONS,
    "surface": SURFACES,
    "style": STYLES,
    "light": LIGHTS,
    "side": SIDES,
    "softness": SOFTNESS,
    "warmth": WARMTH,
    "view": VIEWS,
    "shadow": SHADOWS,
    "reflection": REFLECTIONS,
    "met": MET,
}
PLAIN = {
    "not": NEGATIONS,
    "lamp": LAMPS,
    "tone": "pale, pastel, bright, dark, deep, muted, dusty",
    "above": ABOVE,
    "beyond": BEYOND,
    "place": PLACES,
    "turn": TURNS,
    "join": JOINS,
    "grammar": GRAMMAR,
    "camera": CAMERAS,
    "subject": SUBJECTS,
    "praise": PRAISE,
    "ground": GROUNDS,
    "table": TABLES,
    "stand": STANDS,
    "never": NEVER,
    "material": MATERIAL,
}
NOUNS = frozenset({"surface", "shadow", "reflection", "lamp", "camera", "subject", "ground", "table", "stand", "never"})

PHRASES = _table()
"""Every phrase. Where a phrase is in two tables, the first one has it."""
LONGEST = max(map(len, PHRASES))

SILENT = frozenset({"place", "turn", "join", "grammar", "praise", "subject", "camera", "lamp", "ground"})
FILLER = frozenset(" ".join(phrase) for phrase, meaning in PHRASES.items() if meaning.kind in SILENT)
"""Phrases that carry no wish of their own: only these may be in neither list of a reading."""
