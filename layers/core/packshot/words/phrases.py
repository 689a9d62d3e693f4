"""A prompt taken apart: its phrases, which of them are wishes for the set, and which are not wanted. Text in, text out.

Words -> the longest phrases of the vocabulary -> noun phrases, parted by prepositions, articles and conjunctions ->
wishes. A phrase of the vocabulary is a wish if it stands for itself, after `on` or its like, or before a word for the
set; before or behind a word that nobody knows it belongs to the product.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from packshot.words import vocabulary as known
from packshot.words.vocabulary import Meaning

TOKEN = re.compile(
    r"(?P<colour>\#(?:[0-9a-f]{6}|[0-9a-f]{3})(?!\w)|(?<!\w)\d{1,3}, ?\d{1,3}, ?\d{1,3}(?!\w))"
    r"|(?P<word>[^\W_]+(?:['’][^\W_]+)*)"
    r"|(?P<end>[.,;:!?…|\n\r\u2028\u2029]|\s[-–—]+\s)"
    r"|(?P<mark>[\s\-–—_'\"“”‘’„«»()\[\]{}<>/\\*~=^`·•])"
    r"|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
SYMBOLS = {"&": "and", "+": "and", "°": "degrees"}
BREAKS = frozenset({"place", "turn", "join", "grammar", "not"})  # words that part noun phrases
HEADS = frozenset({"unknown", "subject", "beyond", "never"})  # what a word before it belongs to
ADJECTIVES = frozenset({"colour", "softness", "warmth", "tone", "reflection", "season", "style", "surface"})
WHOLE = frozenset({"ground", "camera", "table", "stand"})  # what is not the product
CLEAR = frozenset({"material", "praise"})  # words that stand between without parting
BACKGROUNDS = frozenset({"background", "backdrop", "surface", "scene", "bg", "base", "environment", "wall", "sheet"})
ON = frozenset(known.phrases(known.PLACES))
IN = frozenset({"in", "inside", "of"})  # in or of a colour or material is mostly the product
PLAIN = frozenset({"plain", "clean", "simple", "neutral", "solid"})  # before a background: nothing is on it
SOFT_SHADOW, HARD_SHADOW = frozenset({"soft", "light", "pale"}), frozenset({"hard", "dark", "deep"})
REACH = 24  # items in which the `or` of a list is looked for


@dataclass(frozen=True, slots=True)
class Wish:
    """One phrase of a text: [start, end) in it, the number of its clause, its kind and value.

    `unknown` is what the studio cannot do or does not know, `filler` what asks for nothing; all other kinds are those
    of the vocabulary. `without`: it is not wanted.
    """

    start: int
    end: int
    clause: int
    kind: str
    value: str = ""
    note: str = ""
    without: bool = False


@dataclass(slots=True)
class Item:
    """A phrase and its surroundings. `lead`: the prepositions and articles before its noun phrase; `behind`: the kind
    of what is before those; `after`: the kind of the noun that follows it there, or of what follows next; `late`:
    something unknown goes before it there."""

    start: int
    end: int
    clause: int
    meaning: Meaning
    word: str
    lead: tuple[str, ...] = ()
    behind: str = ""
    after: str = ""
    late: bool = False

    @property
    def placed(self) -> bool:
        """Whether the noun phrase says where the product is."""
        return not ON.isdisjoint(self.lead)


def plain(text: str) -> str:
    """Composed characters, and no half of a surrogate pair, which no reply could carry."""
    return unicodedata.normalize("NFC", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def wishes(text: str, *, negated: bool = False) -> Iterator[Wish]:
    """Every word of a text in order, as wishes; `negated` means that the whole text lists what is not wanted."""
    items = surrounded(blended(items_of(text)))
    heard, clause = "", -1  # the last word for light or camera
    negating, used, cue = negated, False, None
    for place, item in enumerate(items):
        kind = item.meaning.kind
        if item.clause != clause:
            heard, clause = "", item.clause
            if cue is not None:  # nothing came after it in its clause
                yield Wish(cue.start, cue.end, cue.clause, "unknown")
                cue = None
            negating = negated or (negating and used and _goes_on(items, place))
        if kind in ("lamp", "camera"):
            heard = kind
        if kind == "not" and not negated:
            if cue is not None:
                yield Wish(cue.start, cue.end, cue.clause, "unknown")
            negating, used, cue = True, False, item
            continue
        if negating and used and not negated and _ends(items, place):
            negating = False
        found = _wish(item, heard, items[place - 1] if place else None, negating)
        if found.kind != "filler" and cue is not None:
            found = Wish(cue.start, found.end, found.clause, found.kind, found.value, found.note, found.without)
            used, cue = True, None
        yield found
    if cue is not None:
        yield Wish(cue.start, cue.end, cue.clause, "unknown")


def items_of(text: str) -> list[Item]:
    """The longest known phrases of a text, clause by clause, and all other words one by one."""
    tokens: list[tuple[str, str, int, int, int]] = []
    clause = 0
    for match in TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind == "end":
            clause += 1
        elif kind != "mark":
            word = match.group().casefold().replace("’", "'")
            tokens.append((kind, SYMBOLS.get(word, word), match.start(), match.end(), clause))
    items: list[Item] = []
    place = 0
    while place < len(tokens):
        kind, word, start, end, clause = tokens[place]
        meaning, length = _number(word) if kind == "colour" else None, 1
        for count in range(min(known.LONGEST, len(tokens) - place), 0, -1) if meaning is None else ():
            part = tokens[place : place + count]
            if part[-1][4] == clause:
                meaning = known.PHRASES.get(tuple(token[1] for token in part))
                if meaning is not None:
                    length, end, word = count, part[-1][3], " ".join(token[1] for token in part)
                    break
        items.append(Item(start, end, clause, meaning or Meaning("unknown", word), word))
        place += length
    return items


def _number(word: str) -> Meaning | None:
    """A colour as #abc, #aabbcc or 0..255 three times."""
    if word.startswith("#"):
        name = word if len(word) == 7 else "#" + "".join(2 * letter for letter in word[1:])
    else:
        red, green, blue = (int(level) for level in word.split(","))
        if max(red, green, blue) > 255:
            return None
        name = known.hexed((red, green, blue))
    return Meaning("colour", "white" if name == "#ffffff" else name)


def blended(items: list[Item]) -> list[Item]:
    """A shade and its colour, a softness and its shadow as one item; a shade before a background as a colour."""
    out: list[Item] = []
    for item in items:
        now = item
        while out and out[-1].clause == now.clause:
            meaning = _blend(out[-1], now)
            if meaning is None:
                break
            before = out.pop()
            now = Item(before.start, now.end, now.clause, meaning, now.word)
        out.append(now)
    return out


def _blend(before: Item, item: Item) -> Meaning | None:
    shade, kind = before.word, item.meaning.kind
    if kind == "colour" and (shade in known.TONES or shade in known.GREYED) and item.meaning.value[0] != "#":
        return Meaning("colour", f"{shade} {item.meaning.value}")
    if kind == "shadow" and before.meaning.kind in ("softness", "tone", "lamp"):
        value = before.meaning.value
        if value in SOFT_SHADOW | HARD_SHADOW:
            return Meaning("shadow", "soft" if value in SOFT_SHADOW else "hard")
    if kind == "reflection" and before.meaning.value == "soft" and item.word.startswith("reflection"):
        return item.meaning
    if shade in ("dark", "light", "bright") and item.word in BACKGROUNDS:
        return Meaning("colour", "dark" if shade == "dark" else "light", "ground")
    if kind == "table" and shade in ("dark", "light"):
        return Meaning("surface", "walnut" if shade == "dark" else "pine")
    return None


def surrounded(items: list[Item]) -> list[Item]:
    """The items with their surroundings filled in."""
    lead: tuple[str, ...] = ()
    behind, last, clause, late = "", "", -1, False
    for item in items:
        kind = item.meaning.kind
        if item.clause != clause:
            lead, behind, last, clause, late = (), "", "", item.clause, False
        elif kind in BREAKS and last not in BREAKS:
            lead, behind, late = (), last, False
        if kind in BREAKS:
            lead = (*lead[-3:], item.word)
        item.lead, item.behind, item.late = lead, behind, late
        late, last = late or kind in HEADS - {"subject"}, kind
    after, clause = "", -1
    for item in reversed(items):
        kind = item.meaning.kind
        if item.clause != clause or kind in BREAKS:
            after, clause = "", item.clause
        item.after = after
        if kind not in BREAKS | CLEAR and not (kind in ADJECTIVES and after in HEADS):
            after = kind
    return items


def _goes_on(items: list[Item], place: int) -> bool:
    """Whether a negation reaches over a comma: into a list that ends with `or`, or of things that never occur."""
    clause = items[place].clause
    only_never = True
    for item in items[place : place + REACH]:
        if item.word in ("or", "nor"):
            return True
        if item.clause != clause and only_never:
            return True
        if item.meaning.kind not in ("never", "shadow", "reflection", "unknown", "grammar", "join"):
            return False
        only_never &= item.meaning.kind in ("never", "grammar", "join")
    return only_never


def _ends(items: list[Item], place: int) -> bool:
    """Whether a negation that has had its object ends at this item."""
    kind, word = items[place].meaning.kind, items[place].word
    if kind in ("turn", "place"):
        return True
    if kind != "join" or word == "or":
        return False
    following = items[place + 1] if place + 1 < len(items) else None
    return following is None or following.meaning.kind not in ("never", "shadow", "reflection")


def _wish(item: Item, heard: str, before: Item | None, negating: bool) -> Wish:
    """What an item asks for."""
    kind, value, note = _asked(item, heard, before, negating)
    return Wish(item.start, item.end, item.clause, kind, value, note, negating)


def _asked(item: Item, heard: str, before: Item | None, negating: bool) -> tuple[str, str, str]:
    """Kind, value and note of an item's wish."""
    kind, value, note = item.meaning.kind, item.meaning.value, item.meaning.note
    nothing = ("unknown", "", "")
    if kind in known.SILENT or kind == "not" or (kind in ("stand", "table") and _is_told(before, item)):
        return "filler", "", ""
    if kind == "table":
        return ("surface", "oak", "") if item.placed or not item.late else nothing
    if kind in ("side", "above"):
        return _direction(item, heard)
    if kind in ("never", "met"):
        return (kind, value, "") if negating == (kind == "never") else nothing
    if kind == "tone" and value == "dark" and item.after in ("", "camera", "ground"):
        return "colour", "dark", ""
    if kind == "material" and value in PLAIN and item.after in ("ground", "colour") and not negating:
        return "surface", "sweep", ""
    if kind == "style" and value in ("white", "pure white") and item.after == "surface":
        return "colour", "white", ""
    if kind == "colour" and value == "white" and "on" in item.lead and not item.after:
        return "style", "white", ""
    is_wish = kind in COUNTS and COUNTS[kind](item)
    return (kind, value, note) if is_wish else nothing


def _is_told(before: Item | None, item: Item) -> bool:
    """Whether the item before says what a wall or a table is like."""
    return before is not None and before.clause == item.clause and before.meaning.kind in ("colour", "surface", "table")


def _direction(item: Item, heard: str) -> tuple[str, str, str]:
    """A side or `above`: where light comes from, or the camera looks from, by what was spoken of before."""
    value = item.meaning.value
    lit = heard == "lamp" or item.after == "lamp"
    if item.meaning.kind == "side":
        if lit or ("from" in item.lead and heard != "camera" and item.after not in HEADS):
            return "light", value, ""
    elif lit:
        return "light", "top", ""
    elif item.after not in HEADS and ("from" in item.lead or value == "overhead"):
        return "view", "top", ""
    return "unknown", "", ""


def _is_ground(item: Item) -> bool:
    """A surface that the product is to stand on, not one that it is made of."""
    if IN & set(item.lead[-2:]) and "of" in item.lead and item.behind not in ("stand", "table", "surface"):
        return False
    return item.placed or (item.after not in HEADS and (not item.late or item.after in WHOLE))


def _is_set_colour(item: Item) -> bool:
    """A colour of the set, not of the product: red shoes, in navy, with an orange, face cream."""
    if item.meaning.note or item.meaning.value.startswith("#") or item.after in WHOLE:
        return True
    on = not (ON - IN).isdisjoint(item.lead)
    if item.after in HEADS or item.late:
        return on
    return IN.isdisjoint(item.lead) and not (item.lead and item.lead[-1] in ("a", "an") and item.after != "surface")


COUNTS: dict[str, Callable[[Item], bool]] = {
    "surface": _is_ground,
    "colour": _is_set_colour,
    "season": lambda item: item.placed or item.after not in HEADS,
    "style": lambda item: (
        item.after in ("", "style", *WHOLE)
        if item.meaning.value in known.SHY
        else item.after not in HEADS or item.meaning.value not in ("white", "pure white")
    ),
    "light": lambda item: item.after not in HEADS,
    "softness": lambda item: item.after not in HEADS | {"surface", "table", "stand", "season", "reflection"},
    "warmth": lambda item: item.after not in HEADS,
    "view": lambda item: True,
    "shadow": lambda item: item.after not in HEADS and not item.late,
    "reflection": lambda item: item.after not in HEADS and not item.late,
}
"""When a phrase of the vocabulary is a wish for the set."""
