"""The harness itself, in seconds: a clean point is clean, a broken product is not. All of it: `make crash`."""

import json
from collections.abc import Callable, Iterator

import pytest

from packshot.aws import clients
from tests.crash import coverage, faults
from tests.crash.faults import KINDS, Call
from tests.crash.interleavings import PAIRS, orders
from tests.crash.mutants import MUTANTS, hunted
from tests.crash.scenarios import SCENARIOS
from tests.crash.stage import Stage, stage
from tests.crash.sweep import Explorer, Found, forked


@pytest.fixture(scope="module", autouse=True)
def own_clients() -> Iterator[None]:
    """AWS clients live as long as the one stage of this file."""
    clients._client.cache_clear()
    yield
    clients._client.cache_clear()


@pytest.fixture(scope="module")
def played(own_clients: None) -> Iterator[Stage]:
    with stage() as made:
        yield made


def explored(played: Stage, name: str, wanted: Callable[[Call, str], bool]) -> Found:
    return forked(Explorer(played, SCENARIOS[name], wanted).run, name).wait()


def test_the_provider_is_asked_once_however_its_create_goes_wrong(played: Stage) -> None:
    found = explored(played, "webhook", lambda call, kind: call.name.endswith(".create"))
    assert found.wrong == [] and found.points == 1 + len(KINDS) - 1  # dispatch has begun: it cannot die before it again


def test_a_submit_whose_answer_is_lost_is_one_job(played: Stage) -> None:
    found = explored(played, "webhook", lambda call, kind: (call.function, kind) == ("submit", "answer_lost"))
    assert found.wrong == [] and found.points > 2
    assert ("submit", "dynamodb:PutItem") in found.pairs and ("ingest", "http.fetch") in found.pairs


@pytest.mark.parametrize("name", ["split_settle", "no_fence", "random_object_key", "place_kept"])
def test_a_mutant_is_found(played: Stage, name: str) -> None:
    assert forked(lambda: hunted(MUTANTS[name], played), name).wait().wrong


def test_two_webhooks_meet_in_every_order(played: Stage) -> None:
    found = forked(lambda: orders(PAIRS["webhook and webhook"], played), "orders").wait()
    assert found.wrong == [] and found.note is True and found.points == 20


def test_an_unguarded_write_shows_in_some_order(played: Stage) -> None:
    assert forked(lambda: hunted(MUTANTS["unguarded_finish"], played), "orders").wait().wrong


def test_a_run_that_breaks_or_hangs_is_a_finding() -> None:
    def breaks() -> Found:
        raise KeyError("somewhere")

    (_, what), *rest = forked(breaks, "here").wait().wrong
    assert "KeyError" in what and not rest


def test_every_scenario_has_a_purpose_and_every_mutant_somewhere_to_show() -> None:
    assert len(SCENARIOS) >= 12 and all(one.play.__doc__ for one in SCENARIOS.values())
    assert len(MUTANTS) >= 15
    for one in MUTANTS.values():
        assert one.what and set(one.scenarios) <= SCENARIOS.keys() and (one.scenarios or one.pair in PAIRS)


def test_the_list_of_calls_is_sorted_and_names_known_functions() -> None:
    text = coverage.LISTED.read_text()
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True) + "\n"
    assert {function for function, _ in coverage.listed()} <= {function for function, _ in coverage.granted()}


def test_a_call_that_nobody_listed_and_a_right_that_nobody_needs_are_said() -> None:
    seen = coverage.listed() | {("query", "dynamodb.Scan"), ("query", "dynamodb:Scan")}
    said = list(coverage.missing(seen))
    assert any("query calls dynamodb.Scan" in line for line in said)
    assert any("query needs dynamodb:Scan" in line for line in said)
    assert any("relay is allowed states:StartExecution" in line for line in said)


def test_what_cannot_differ_is_not_tried() -> None:
    reads, first = Call(3, "relay", "dynamodb.GetItem", first=False, new=False), Call(0, "relay", "dynamodb.GetItem")
    writes = Call(3, "relay", "sqs.SendMessage", first=False, new=False)
    assert reads.kinds == () and first.kinds == ("dies_before", "throttled")
    assert writes.kinds == ("dies_after", "answer_lost")
    assert Call(3, "ingest", "http.fetch", first=False).kinds == ("error_before", "answer_lost", "throttled")


def test_a_transaction_needs_the_rights_of_its_parts() -> None:
    body = json.dumps({"TransactItems": [{"Put": {}}, {"Update": {}}, {"ConditionCheck": {}}]}).encode()
    assert faults.actions("dynamodb", "TransactWriteItems", body) == [
        "dynamodb:ConditionCheckItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
    ]
    assert faults.actions("sfn", "StartExecution", b"{}") == ["states:StartExecution"]
