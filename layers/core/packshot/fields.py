"""A JSON object or a form of a vendor's API, read field by field, and the pictures inside. Pure.

A field that is absent or null is at its default; a field without a default is required; what is not asked for is
ignored, as these vendors ignore it. Every refusal is a CallerError that names the field: `missing_field` or
`invalid_field`. A dialect that refuses unknown fields calls `only`.
"""

import binascii
import re
from collections.abc import Iterable, Mapping

from packshot.brief import Image, Role
from packshot.errors import CallerError
from packshot.sniff import sniff
from packshot.validate import data_of, invalid, is_address, parse
from packshot.wire import Request
from packshot.wishes import Inline

MAX_ADDRESS = 2048
_WHOLE = re.compile("-?[0-9]{1,15}")
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


class Fields:
    """The members of one object. With `written`, values come as text (a query, a form) and numbers are read from it."""

    def __init__(self, values: Mapping[str, object], *, written: bool = False) -> None:
        self.values = values
        self.written = written

    @classmethod
    def of_json(cls, request: Request) -> "Fields":
        """Of a JSON body, whatever its content type says. Raises CallerError `malformed_json` or `invalid_field`."""
        value = parse(request.body)
        if not isinstance(value, dict):
            raise CallerError("malformed_request", "The body must be a JSON object.")
        return cls(value)

    def has(self, name: str) -> bool:
        """Whether it was given, and not as null."""
        return self.values.get(name) is not None

    def only(self, names: Iterable[str]) -> None:
        """Refuse any other field. Raises CallerError `unknown_field`."""
        known = set(names)
        for name in self.values:
            if name not in known:
                shown = "".join(letter if letter.isprintable() else "?" for letter in name[:60])
                raise CallerError("unknown_field", "There is no such field.", field=shown)

    def text(self, name: str, default: str | None = None, *, least: int = 0, most: int = 8000) -> str:
        """Text of `least` to `most` characters."""
        value = self._given(name, default)
        if value is None:
            return default or ""
        if not isinstance(value, str):
            raise invalid(name, "Must be text.")
        if not least <= len(value) <= most:
            raise invalid(name, f"Must have {f'{least} to' if least else 'at most'} {most} characters.")
        return value

    def whole(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number from `low` to `high`."""
        value = self._number(name, default, _WHOLE)
        if value is None:
            return default or 0
        if not isinstance(value, int) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or not low <= value <= high:
            raise invalid(name, f"Must be a whole number from {low} to {high}.")
        return value

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float:
        """A number from `low` to `high`."""
        value = self._number(name, default, _DECIMAL)
        if value is None:
            return default or 0.0
        if not low <= value <= high:
            raise invalid(name, f"Must be a number from {low:g} to {high:g}.")
        return float(value)

    def choice(self, name: str, allowed: Iterable[str], default: str | None = None) -> str:
        """One of `allowed`."""
        value, known = self._given(name, default), tuple(allowed)
        if value is None:
            return default or ""
        if not isinstance(value, str) or value not in known:
            raise invalid(name, f"Must be one of {', '.join(known)}.")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """true or false."""
        value = self._given(name, default)
        if self.written and value in ("true", "false"):
            return value == "true"
        if value is None:
            return default
        if not isinstance(value, bool):
            raise invalid(name, "Must be true or false.")
        return value

    def texts(
        self, name: str, default: tuple[str, ...] | None = None, *, most: int, size: int = 2048
    ) -> tuple[str, ...]:
        """A list of at most `most` texts of 1 to `size` characters each."""
        value = self._given(name, default)
        if value is None:
            return default or ()
        if not isinstance(value, list) or len(value) > most:
            raise invalid(name, f"Must be a list of at most {most} texts.")
        for place, each in enumerate(value):
            if not isinstance(each, str) or not 1 <= len(each) <= size:
                raise invalid(f"{name}[{place}]", f"Must be text of 1 to {size} characters.")
        return tuple(value)

    def address(self, name: str, default: str | None = None, *, schemes: tuple[str, ...] = ("https", "http")) -> str:
        """An absolute address; whether it may be reached is the submit step's question."""
        value = self.text(name, default, most=MAX_ADDRESS)
        if value != default and not (is_address(value) and value.partition(":")[0].lower() in schemes):
            raise invalid(name, f"Must be an absolute {schemes[0]} address.")
        return value

    def _number(self, name: str, default: float | None, form: re.Pattern[str]) -> int | float | None:
        value = self._given(name, default)
        if value is None:
            return None
        if self.written and isinstance(value, str) and form.fullmatch(value):
            return float(value) if "." in value else int(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise invalid(name, "Must be a number.")
        return value

    def _given(self, name: str, default: object) -> object:
        value = self.values.get(name)
        if value is None and default is None:
            raise CallerError("missing_field", "Required.", field=name)
        return value


class Album:
    """The pictures of a brief, collected in order: `images` for the brief, `inline` for those that came as bytes."""

    def __init__(self) -> None:
        self.images: tuple[Image, ...] = ()
        self.inline: tuple[Inline, ...] = ()

    def add(self, text: str, field: str, role: Role = "product") -> None:
        """An address, a data URI or plain base64, told apart by its look. Raises CallerError."""
        if text.startswith(("http://", "https://")):
            if len(text) > MAX_ADDRESS or not is_address(text):
                raise invalid(field, "Must be an absolute https address.")
            self.images += (Image("url", text, role),)
            return
        try:
            if text.startswith("data:"):
                data = data_of(text, field)
            else:  # some encoders break lines (RFC 2045); nothing else may stand between
                data = binascii.a2b_base64(text.replace("\r", "").replace("\n", ""), strict_mode=True)
        except ValueError:  # also what is no ASCII
            raise invalid(field, "Must be an https address or a picture in base64.") from None
        self.put(data, field, role)

    def put(self, data: bytes, field: str, role: Role = "product") -> None:
        """A picture's bytes. Raises CallerError when they do not begin like a picture."""
        if sniff(data) is None:
            raise invalid(field, "Must be a PNG, JPEG or WebP picture.")
        self.inline += (Inline(len(self.images), data),)
        self.images += (Image("asset", "inline", role),)
