"""Words of a prompt to a look. A closed vocabulary (vocabulary.py), English only, no model, no network, linear time.

    read("Perfume on white marble, soft light from the left, no shadow, cinematic")
        look        surface white-marble, softness soft, light left, shadow none
        understood  "surface: white-marble", "softness: soft", "light: left", "shadow: none"
        ignored     "Perfume", "cinematic"

Nothing is dropped: each word is in `understood`, in `ignored`, or in vocabulary.FILLER, which carries no wish. What
stands before a colon in `understood` is a field of Look, `style`, `without` (what is not in the picture), or what is
true of every picture. A word that belongs to the product is no wish: "navy shirt on oak" asks for oak, not for navy.
Instructions of any other kind are words like all others. Whether a set meets the whole look is its chooser's to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from packshot.words import vocabulary as known
from packshot.words.look import Look
from packshot.words.phrases import TOKEN, Wish, plain, wishes

OPPOSITE = {
    "softness": {"soft": "hard", "hard": "soft"},
    "light": {"left": "right", "right": "left", "top": "left"},
    "view": {"top": "front", "high": "front", "front": "high"},
    "reflection": {"yes": "no", "no": "yes"},
    "shadow": known.NO_SHADOW,
}
"""What is chosen instead of what is not wanted."""
FIELDS = frozenset(Look.__dataclass_fields__)
EXACT = {"white": "white background", "pure white": "pure white"}
"""The styles that mean exact white, and what they are called in a reply."""
BARE = {("shadow", "none"), ("reflection", "no"), ("colour", "white")}  # what an exact white has by itself

# what a prompt for a masked place may say: verbs, words that carry no wish, words for the set around it
ERASING = frozenset(known.phrases(known.ERASING))
ADDING = frozenset(known.phrases(known.ADDING))
SPARE = frozenset(known.phrases(known.EMPTY)) | {word for phrase in known.FILLER for word in phrase.split()}
REPLACING = frozenset({"fill", "filled", "replace", "replaced", "cover", "patch"})


def _words(*kinds: str) -> frozenset[str]:
    return frozenset(word for phrase, meaning in known.PHRASES.items() if meaning.kind in kinds for word in phrase)


AROUND = _words("stand", "table", "material")
SET = AROUND | _words("surface", "colour", "tone")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was made of a prompt: the look, the preset that its style words name, and the two lists."""

    look: Look
    preset: str | None
    understood: tuple[str, ...]
    ignored: tuple[str, ...]


def read(prompt: str, negative: str = "") -> Reading:
    """The look that a prompt asks for; `negative` lists what is not wanted. Of two wishes that contradict each other
    the first counts, and the later is ignored with its reason. Takes any text and raises nothing."""
    wanted, unwanted = plain(prompt), plain(negative)
    asked = [(wanted, wish) for wish in wishes(wanted)]
    asked += [(unwanted, wish) for wish in wishes(unwanted, negated=True)]
    reader = _Reader([wish for _, wish in asked])
    for text, wish in asked:
        reader.take(text, wish)
    return reader.reading()


def adds_something(prompt: str) -> bool:
    """Whether a prompt for a masked place asks for more than the set that is around it: "add a bow", "a red bow",
    "replace the tag with a ribbon"; not "remove the tag", "plain background" or nothing at all."""
    return any(_adds(clause) for clause in _orders(plain(prompt).casefold().replace("’", "'")))


def _orders(text: str) -> list[list[str]]:
    """The words of each clause; a new verb after `and` or `then` begins another."""
    verbs = ADDING | ERASING
    clauses: list[list[str]] = [[]]
    for match in TOKEN.finditer(text):
        word = match.group()
        if match.lastgroup == "end":
            clauses.append([])
        elif match.lastgroup != "mark":
            if word in verbs and clauses[-1] and clauses[-1][-1] in ("and", "then", "but", "&"):
                clauses.append([])
            clauses[-1].append(word)
    return clauses


def _adds(clause: list[str]) -> bool:
    verb = next((place for place, word in enumerate(clause) if word in ADDING | ERASING | {"don't", "not"}), None)
    if verb is None:
        return not set(clause) <= SPARE | SET
    if clause[verb] in ADDING:
        after = clause[verb + 1 :]
        instead = next((place for place, word in enumerate(after) if word in ("with", "by", "into")), -1)
        is_around = instead >= 0 and clause[verb] in REPLACING
        return not set(after[instead + 1 :]) <= (SPARE | AROUND if is_around else SPARE)
    return False


class _Reader:
    """Takes one wish after the other."""

    def __init__(self, all_wishes: list[Wish]) -> None:
        wanted = [wish for wish in all_wishes if not wish.without]
        self.shaded = any(
            (wish.kind == "shadow" and wish.value != "none") or (wish.kind == "reflection" and wish.value == "yes")
            for wish in wanted
        )
        first = next((wish for wish in wanted if _decides(wish)), None)
        exact = first is not None and (first.value == "pure white" or (first.kind == "style" and not self.shaded))
        self.exact = EXACT.get(first.value, "") if first and exact else ""
        self.chosen: dict[str, tuple[str, str]] = {}  # kind: (value, what it was called)
        self.style = ""
        self.understood: dict[str, None] = {}
        self.ignored: list[str] = []
        self.run: tuple[str, int, int, int] | None = None  # ignored words so far: text, start, end, clause
        self.later: list[tuple[str, Wish]] = []

    def take(self, text: str, wish: Wish) -> None:
        """Put one wish of a text into one of the lists."""
        if wish.kind == "filler":
            return
        if wish.kind == "unknown":
            if self.run and self.run[0] is text and self.run[3] == wish.clause:
                self.run = (text, self.run[1], wish.end, wish.clause)
            else:
                self._close()
                self.run = (text, wish.start, wish.end, wish.clause)
            return
        self._close()
        if wish.kind == "style":
            self._styled(text, wish)
        elif wish.kind in FIELDS:
            self._field(text, wish)
        elif wish.kind == "never":
            self.understood[f"without: {wish.value}"] = None
        elif wish.kind == "met":
            self.understood[wish.value] = None

    def _styled(self, text: str, wish: Wish) -> None:
        name = wish.value
        if wish.without:
            self.later.append((text, wish))
        elif name in EXACT and not self.exact and self.shaded and not {"surface", "colour"} & self.chosen.keys():
            # a shadow or a reflection is seen on a floor that is white, not on exact white
            self._choose(text, wish, "surface", "sweep")
            self._choose(text, wish, "colour", "white")
        elif name in EXACT and not self.exact:
            other = next((self.chosen[kind][1] for kind in ("surface", "colour", "season") if kind in self.chosen), "")
            if (self.chosen.get("colour") or ("", ""))[0] == "white":
                return
            self._refuse(text, wish, other or self.style)
        elif self.style in ("", name) or self.style in known.GENERAL or name in known.GENERAL:
            if not (name in known.GENERAL and self.style):
                self.style = name
            self.understood[f"style: {name.removeprefix('pure ')}"] = None
        elif known.PRESETS[name] == known.PRESETS[self.style]:
            self.understood[f"style: {name.removeprefix('pure ')}"] = None
        else:
            self._refuse(text, wish, self.style)

    def _field(self, text: str, wish: Wish) -> None:
        kind, value = wish.kind, wish.value
        if wish.without:
            if kind == "season" and self.chosen.get(kind, ("",))[0] != value:
                self.understood[f"without: {value}"] = None
                return
            if kind not in OPPOSITE:
                self.later.append((text, wish))
                return
            value = OPPOSITE[kind][value]
        elif kind == "shadow":
            value = value or "soft"
        if self.exact and (kind, value) not in BARE:
            self._refuse(text, wish, self.exact)
        else:
            self._choose(text, wish, kind, value)

    def _choose(self, text: str, wish: Wish, kind: str, value: str) -> None:
        told = value if kind in ("surface", "colour", "season", "style") else f"{kind}: {value}"
        before = self.chosen.setdefault(kind, (value, told))
        if before[0] != value:
            self._refuse(text, wish, before[1])
            return
        note = wish.note if kind == wish.kind and not wish.without else ""
        if kind == "colour":
            value, note = known.hexed(known.rgb(value)), "" if value.startswith("#") else value
        self.understood[f"{kind}: {value}" + (f" ({note})" if note else "")] = None

    def _refuse(self, text: str, wish: Wish, other: str) -> None:
        self.ignored.append(f"{text[wish.start : wish.end]} (conflicts with {other})")

    def _close(self) -> None:
        if self.run:
            text, start, end, _ = self.run
            self.ignored.append(text[start:end])
            self.run = None

    def reading(self) -> Reading:
        """What was taken."""
        self._close()
        settled = {"surface", "colour"} & self.chosen.keys() or self.exact
        for text, wish in self.later:
            is_other = self.chosen.get(wish.kind, ("",))[0] != wish.value
            if wish.kind == "style":
                is_met = bool(self.style) and known.PRESETS[self.style] != known.PRESETS[wish.value]
            else:
                is_met = wish.kind in ("surface", "colour") and bool(settled) and is_other
            if is_met:
                self.understood[f"without: {wish.value}"] = None
            else:
                self.ignored.append(text[wish.start : wish.end])
        values: dict[str, Any] = {kind: value for kind, (value, _) in self.chosen.items()}
        if "colour" in values:
            values["colour"] = known.rgb(values["colour"])
        if "reflection" in values:
            values["reflection"] = values["reflection"] == "yes"
        preset = known.PRESETS.get(self.style)
        return Reading(Look(**values), preset, tuple(self.understood), tuple(self.ignored))


def _decides(wish: Wish) -> bool:
    """Whether a wish says what the product stands on."""
    if wish.kind == "style":
        return wish.value not in known.GENERAL
    return wish.kind in ("surface", "season") or (wish.kind == "colour" and wish.value != "white")
