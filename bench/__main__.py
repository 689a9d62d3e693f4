"""Run all benchmarks, or the cold starts of the functions named: `python -m bench [FUNCTION...]`.

`python -m bench outage [JOBS]` runs bench/outage.py instead, which takes minutes; `pressure [JOBS]` bench/pressure.py;
`cpu` is the CPU of one warm request; `receivers` what dead receivers of callbacks do to the others.
"""

import sys
import tempfile
from importlib import import_module
from pathlib import Path

from bench import cold, warm


def main(names: list[str]) -> None:
    """Build, measure, print."""
    if names[:1] == ["outage"]:
        from bench import outage

        outage.main(*map(int, names[1:2]))
        return
    if names[:1] == ["pressure"]:
        from bench import pressure

        pressure.main(*map(int, names[1:2]))
        return
    if names[:1] in (["cpu"], ["receivers"]):
        import_module(f"bench.{names[0]}").main()
        return
    with tempfile.TemporaryDirectory(prefix="packshot-bench-") as folder:
        bench = cold.Bench(Path(folder))
        ordered = sorted(names or cold.FUNCTIONS, key=lambda name: name != "submit")  # query asks for submit's job
        print(cold.table(bench.cold([cold.BARE, *dict.fromkeys(["submit", *ordered])])))
        print()
        print(warm.table(*warm.calls(bench)))
        counted = warm.instructions(bench)
        print(f"instructions of a warm submit: {counted / 1e6:.2f} M" if counted else "")


if __name__ == "__main__":
    main(sys.argv[1:])
