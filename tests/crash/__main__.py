"""Cut every wire at every moment, and try every order of who goes first.

python -m tests.crash                    all that must hold: sweep, interleavings, mutants
python -m tests.crash sweep [SCENARIO…]  every call of every scenario, every fault
python -m tests.crash orders [PAIR…]     two handlers at once; of these pairs, more orders
python -m tests.crash mutants [NAME…]    whether the harness finds what is wrong
python -m tests.crash soak [SEEDS [FIRST]]   several faults at once, and more orders of all pairs
python -m tests.crash point SCENARIO K KIND   one point in this process, with its log
"""

import sys
from typing import Any

from tests.crash import interleavings, mutants, soak, sweep


def point(name: str, k: str, kind: str) -> int:
    """Look at one point closely."""
    out: Any = sys.__stdout__
    from tests.crash.stage import stage

    with stage() as played:
        wrong = sweep.once(played, name, int(k), kind)
        print("".join(played.log), *wrong, sep="\n", file=out)
    return 1 if wrong else 0


def main(words: list[str]) -> int:
    """Do what the words say."""
    match words:
        case []:
            return max(sweep.main([]), interleavings.main([]), mutants.main([]))
        case ["sweep", *names]:
            return sweep.main(names)
        case ["orders", *names]:
            return interleavings.main(names, interleavings.ALL)
        case ["mutants", *names]:
            return mutants.main(names)
        case ["soak", *numbers]:
            return max(soak.main(*map(int, numbers)), interleavings.main([], interleavings.ALL))
        case ["point", name, k, kind]:
            return point(name, k, kind)
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
