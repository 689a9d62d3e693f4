"""An accepted submit in a process that knows the caller's key: AWS calls, bytes, and instructions a request."""

from bench.cold import Bench
from bench.stub import Call

FEW, MANY = 10, 30


def calls(bench: Bench) -> tuple[list[Call], list[Call]]:
    """What the first and what the third submit of one process ask of AWS."""
    bench.report("submit")
    first = list(bench.aws.calls)
    bench.report("submit", 2)
    second = len(bench.aws.calls)
    bench.report("submit", 3)
    return first, bench.aws.calls[second:]


def instructions(bench: Bench) -> int | None:
    """Instructions of one warm request: many minus few, by their difference."""
    few, many = bench.instructions("submit", FEW), bench.instructions("submit", MANY)
    return None if few is None or many is None else (many - few) // (MANY - FEW)


def table(first: list[Call], warm: list[Call]) -> str:
    """The counts as lines of text."""
    lines = []
    for title, made in (("first submit of a process", first), ("submit with its key known", warm)):
        up, down = sum(call.up for call in made), sum(call.down for call in made)
        names = ", ".join(call.name.partition(".")[2] for call in made)
        lines.append(f"{title}: {len(made)} calls ({names}), {up:,} bytes up, {down:,} bytes down")
    return "\n".join(lines)
