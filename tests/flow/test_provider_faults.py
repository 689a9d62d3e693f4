"""Each provider, each way to go wrong: the right end, the right charge, one create an attempt, and nothing left over.

What is to be expected follows from the fault and from what a provider is like: whether the answer to its create is the
last word, whether it tells by webhook, whether its pictures have addresses. What does not follow is in `OTHERWISE`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from packshot import catalog, providers
from simulators import kit
from tests.flow.simulated import MICRO_USD, WAYS, Town, Way, own_clients, town, whole, words_of

pytestmark = pytest.mark.sweep

__all__ = ["own_clients", "town", "whole"]

BEFORE = ("refused", "invalid", "unauthorized", "quota", "gone", "429", "429=9", "500-before")
RUNS = ("success", "slow=8", "fail", "moderated", "500-after", "garbage-after", "hang-after")
RESULTS = ("no-image", "black", "black-only", "broken-output", "truncated-output", "wrong-type", "huge-output",
           "expired-output", "evil-output")  # fmt: skip
LATER = ("poll-503=2", "evil-poll")
WEBHOOKS = tuple(f"webhook={kind}" for kind in ("none", "dup", "late", "forged", "stale", "reordered", "truncated"))
EVERY = (*BEFORE, *RUNS, *RESULTS, *LATER, *WEBHOOKS)

PROSE = {("claid", "moderated"), ("claid", "refused"), ("replicate", "gone")}
"""Words in a simulator's help that are no directives."""

SPELT = {("replicate", "quota"): "402", ("replicate", "unauthorized"): "403"}
"""Directives that a simulator calls otherwise."""

LOOKS = ("photoroom", "bedrock", "photio")
"""Adapters that look at pictures: what does not begin like one is none."""

GOES_TO = ("fal", "claid")
"""Adapters that read the address to ask at; the others make it of the request's name."""

TIMELESS = ("bfl", "claid", "productai")
"""Their webhooks do not say when they were sent: an old one is as good as a new one."""

UNSIGNED = ("productai",)
"""The token in the address is all that proves a webhook."""


@dataclass(frozen=True)
class End:
    """How a job ends: the code of its failure, or none; how many creates had an effect, and how many attempts there
    were; whether it is known that money was spent for nothing."""

    code: str = ""
    effects: int = 1
    attempts: int = 1
    leak: bool = False


MADE, NEVER = End(), End("deadline_exceeded")

OTHERWISE: Mapping[tuple[str, str], tuple[End, str]] = {
    ("stability", "fail"): (NEVER, "whoever asks for the result gets a 500, which might pass"),
    ("stability", "expired-output"): (End("provider_lost"), "the result is what is asked for"),
    ("bfl", "refused"): (End("content_refused"), "a task is made of it first"),
    ("phota", "refused"): (End("content_refused"), "a job is made of it first"),
    ("productai", "refused"): (End("content_refused"), "a job is made of it first"),
    ("aiphotogenerator", "refused"): (End("provider_failed"), "an image is made of it first, and no word for it"),
    ("aiphotogenerator", "moderated"): (End("provider_failed"), "no word for it"),
    ("aiphotogenerator", "no-image"): (End("provider_failed"), "no word for it"),
    ("makephotos", "refused"): (End("provider_failed", effects=0), "no word for it"),
    ("makephotos", "moderated"): (End("provider_failed"), "no word for it"),
    ("photio", "refused"): (End("provider_invalid_input", effects=0), "a bad request like any other"),
    ("photio", "moderated"): (End("provider_invalid_input"), "a bad request like any other"),
    ("photio", "no-image"): (End("provider_failed"), "no word for it"),
    ("phota", "gone"): (End("provider_invalid_input", effects=0), "a bad request like any other"),
    ("productai", "gone"): (End("provider_invalid_input", effects=0), "a bad request like any other"),
    ("aiphotogenerator", "gone"): (End("provider_invalid_input", effects=0), "a bad request like any other"),
    ("photoroom", "gone"): (End("provider_invalid_input", effects=0), "it has no models"),
}
"""What does not follow, and why."""


def expected(way: Way, fault: str) -> End:
    """The end that follows from a fault and from what its provider is like."""
    if (way.name, fault) in OTHERWISE:
        return OTHERWISE[way.name, fault][0]
    lost = MADE if way.hooked else NEVER  # the answer to the create, not the request
    unusable = End("provider_output_unreachable" if way.hosted else "provider_output_broken", leak=True)
    match fault:
        case "refused":
            return End("content_refused", effects=0)
        case "invalid":
            return End("provider_invalid_input", effects=0)
        case "unauthorized" | "quota":
            return End(f"provider_{fault}", effects=0)
        case "gone":
            return End("provider_model_unknown", effects=0)
        case "429":
            return End(attempts=2)
        case "429=9":
            return End("provider_busy", effects=0, attempts=6)
        case "500-before":
            return End("provider_failed" if way.final else "deadline_exceeded", effects=0)
        case "fail":
            return NEVER if way.at_once and not way.final else End("provider_failed")
        case "moderated":
            return End("content_refused")
        case "500-after":
            return End("provider_failed") if way.final else lost
        case "garbage-after":
            return End("provider_empty") if way.final else lost
        case "hang-after":
            return lost
        case "no-image":
            return End("provider_empty")
        case "black" | "black-only":
            return End("provider_black", leak=True)
        case "broken-output" | "wrong-type" if way.provider in LOOKS:
            return End("provider_empty")
        case "broken-output" | "wrong-type" | "expired-output" | "evil-output":
            return unusable
        case "huge-output":
            return unusable if way.hosted else NEVER  # an answer that cannot be read
        case "truncated-output":
            return End("provider_output_broken", leak=True)
        case "evil-poll" if way.provider in GOES_TO:
            return lost
    return MADE


def statuses(way: Way, kind: str) -> set[int]:
    """How webhooks of a kind are answered."""
    if kind == "none":
        return set()
    refused = {"truncated": True, "forged": way.provider not in UNSIGNED, "stale": way.provider not in TIMELESS}
    return {401} if refused.get(kind) else {200}


def knows(way: Way, fault: str) -> bool:
    """Whether a provider's simulator can go wrong like this, in this way of being asked."""
    name, _, kind = fault.partition("=")
    words = words_of(way)
    if fault in WEBHOOKS:
        return way.tells and {name, kind} <= words
    if way.at_once and (fault in LATER or (fault == "expired-output" and not way.hosted)):
        return False
    return fault == "success" or ((way.provider, name) not in PROSE and SPELT.get((way.provider, name), name) in words)


ROWS = [(name, fault) for name, way in WAYS.items() for fault in EVERY if knows(way, fault)]


@pytest.mark.parametrize(("name", "fault"), ROWS)
def test_it_ends_as_it_should(town: Town, monkeypatch: pytest.MonkeyPatch, name: str, fault: str) -> None:
    way = WAYS[name]
    if not way.hosted:
        monkeypatch.setattr(kit, "HUGE", way.facts.max_answer)
    job = town.ask(way, f"[[sim:{SPELT.get((way.provider, fault), fault)}]]", monkeypatch)
    found = town.ended(job)
    code, end = (found["error"] or {}).get("code", ""), expected(way, fault)
    assert End(code, town.net.effects(), len(found["attempts"]), bool(town.leaks())) == end, town.net.still.requests
    assert found["state"] == ("failed" if code else "completed")
    assert len(town.net.creates()) == end.attempts and town.leaks() == [MICRO_USD] * end.leak
    shown = [(one["width"], one["height"], one["simulated"]) for one in found["outputs"]]
    assert shown == ([] if code else [(*way.size, True)])
    price = catalog.models()[way.model].credits
    charged = 0 if code else price
    assert (found["credits"]["charged"], found["credits"]["refunded"]) == (charged, price - charged)
    if fault in WEBHOOKS:
        assert {told.status for told in town.net.told} == statuses(way, fault.partition("=")[2])
    town.is_settled(charged=charged)


def test_a_providers_own_warning_counts(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """One model of fal's says that a picture is black because it was refused: it is not fetched at all."""
    way = Way("sdxl", "fal", "stable-diffusion-xl", "fal-ai/fast-sdxl")
    found = town.ended(town.ask(way, "[[sim:black]]", monkeypatch))
    assert (found["state"], found["error"]["code"]) == ("failed", "content_refused")
    assert (town.net.effects(), town.leaks()) == (1, [])
    assert not [one for one in town.net.still.requests if "/files/" in one["path"]]
    town.is_settled(charged=0)


def test_the_matrix_is_whole() -> None:
    """Every provider that is asked over the wire, every fault that simulators have in common."""
    assert {way.provider for way in WAYS.values()} == {*providers.NAMES} - {"studio"}
    listed = (kit.__doc__ or "").partition("everywhere:")[2]
    common = set(re.findall(r"(?:^|;  )([a-z0-9-]+)(?:=\S+)? ", listed, re.MULTILINE))
    assert len(common) > 20 and common <= {fault.partition("=")[0] for fault in EVERY}
    assert {name for name, _ in OTHERWISE} <= set(WAYS) and set(OTHERWISE) <= set(ROWS)
    for name in WAYS:
        assert sum(row[0] == name for row in ROWS) >= 15, name
