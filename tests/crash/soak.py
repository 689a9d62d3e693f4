"""Runs in which several things go wrong, drawn from a seed: `python -m tests.crash soak [SEEDS [FIRST]]`."""

import gc
import random
import sys
import time
from typing import Any

from tests.crash.faults import KINDS
from tests.crash.scenarios import SCENARIOS
from tests.crash.stage import Stage, stage
from tests.crash.sweep import Found, each, whole

FAULTS, CALLS, SEEDS = 3, 120, 2000
"""Faults in a run at most, among so many of its first calls; runs, where nobody says how many."""


def one(played: Stage, seed: int) -> Found:
    """The run of a seed, in a copy of the process."""
    luck = random.Random(seed)  # noqa: S311
    scenario = SCENARIOS[luck.choice(sorted(SCENARIOS))]
    played.faults.at = {luck.randrange(CALLS): luck.choice(KINDS) for _ in range(luck.randint(1, FAULTS))}
    wrong = whole(played, scenario)
    met = ", ".join(f"{kind} at {call}" for call, kind in played.faults.hit)
    return Found(1, [(f"seed {seed}, {scenario.name}, {met}", line) for line in wrong])


def main(seeds: int = SEEDS, first: int = 0) -> int:
    """Print each seed that breaks a promise; 1 where one does."""
    out: Any = sys.__stdout__
    began, total = time.monotonic(), Found()
    with stage() as played:
        gc.collect()
        gc.freeze()
        wanted = range(first, first + seeds)
        tasks = [(f"seed {seed}", lambda seed=seed: one(played, seed)) for seed in wanted]  # type: ignore[misc]
        for _, found in each(tasks):
            total.add(found)
            for where, what in found.wrong:
                print(f"{where}\n    {what}", file=out, flush=True)
        gc.unfreeze()
    print(f"seeds {first} to {first + seeds - 1}: {len(total.wrong)} wrong, {time.monotonic() - began:.0f} s", file=out)
    return 1 if total.wrong else 0
