"""Callback endpoints, their secrets, and deliveries."""

import urllib.parse
from typing import Any

import pytest

from packshot import delivery
from packshot.answers import Endpoint
from packshot.aws.deliveries import DeliveryTable
from packshot.aws.endpoints import EndpointTable, Signing
from packshot.delivery import DeliveryRow
from packshot.errors import CallerError, Stale
from packshot.wishes import ChangeEndpoint
from tests.integration.test_aws_world import ACME, NOW, TABLE, World, lose, world

__all__ = ["world"]


def test_endpoints_change_fail_recover_and_go(world: World) -> None:
    table = EndpointTable(TABLE)
    made = Endpoint("ep_1", "https://shop.example/hook", ("job.completed",), NOW, description="shop")
    table.put(ACME, made, b"s1")
    row = table.get(ACME, "ep_1")
    assert row
    assert (row.endpoint, row.signing) == (made, Signing(b"s1"))
    assert table.failed(ACME, "ep_1", NOW + 5) == table.failed(ACME, "ep_1", NOW + 9)
    failing = table.get(ACME, "ep_1")
    assert failing
    assert failing.failing_since == NOW + 5
    table.worked(failing)
    assert [one.failing_since for one in table.list(ACME)] == [None]
    table.disable(ACME, "ep_1", "gone")
    wish = ChangeEndpoint("ep_1", url="https://b.example/", events=("job.failed",), disabled=False)
    changed = table.change(ACME, wish)
    assert (changed.endpoint.url, changed.endpoint.events, changed.endpoint.disabled, changed.failing_since) == (
        "https://b.example/",
        ("job.failed",),
        None,
        None,
    )
    assert table.change(ACME, ChangeEndpoint("ep_1", disabled=True)).endpoint.disabled == "by the caller"
    assert [one.endpoint.id for one in table.list(ACME)] == ["ep_1"]
    with pytest.raises(CallerError):
        table.change("acc_b", ChangeEndpoint("ep_1", disabled=False))
    left = lose("DeleteItem")
    table.delete(ACME, "ep_1")
    assert left == [0]
    with pytest.raises(CallerError):
        table.delete(ACME, "ep_1")
    assert table.failed(ACME, "ep_1", NOW) is None
    assert world.row(ACME, "endpoint#ep_1") is None


def test_secrets_rotate_once_and_the_old_one_stays_a_while(world: World) -> None:
    world.open()
    table = EndpointTable(TABLE)
    before = table.signing(ACME, "default")
    assert before == Signing(b"sealed")
    left = lose("UpdateItem")
    after = table.rotate(ACME, "default", before, b"new", NOW + 1000)
    assert left == [0]
    assert table.signing(ACME, "default") == after == Signing(b"new", b"sealed", NOW + 1000)
    assert (after.valid(NOW), after.valid(NOW + 1000)) == ((b"new", b"sealed"), (b"new",))
    with pytest.raises(Stale):
        table.rotate(ACME, "default", before, b"newer", NOW)
    with pytest.raises(CallerError):
        table.rotate(ACME, "ep_none", before, b"newer", NOW)


def opened(world: World, table: DeliveryTable, job: str, target: str = "ep_1", **more: Any) -> DeliveryRow:
    given: dict[str, Any] = {
        "event_id": "evt_1",
        "type": "job.completed",
        "url": "https://shop.example/hook",
        "body": b'{"n":1}',
        "created": NOW,
        **more,
    }
    return table.open(ACME, job=job, target=target, **given)


def test_a_delivery_keeps_its_bytes_and_records_its_tries(world: World) -> None:
    table, job = DeliveryTable(TABLE), world.job()[0].id
    left = lose("PutItem")
    row = opened(world, table, job)
    assert left == [0]
    assert opened(world, table, job, body=b"other") == row == table.get(ACME, row.id)
    assert table.due(NOW, 10) == [(ACME, row.id, NOW)]
    assert world.jobs.due("callback", NOW, 10) == []
    lose("UpdateItem")
    later = table.record(row, (NOW, 503, 12, "status"), "pending", NOW + 5000)
    assert (table.due(NOW, 10), table.due(NOW + 5000, 10)) == ([], [(ACME, row.id, NOW + 5000)])
    with pytest.raises(Stale):
        table.record(row, (NOW, 200, 12, ""), "delivered", None)
    done = table.record(later, (NOW + 5000, 200, 9, ""), "delivered", None)
    assert done == table.get(ACME, row.id)
    assert (len(done.tries), done.next_try, table.due(2**53, 10)) == (2, None, [])
    again = table.record(done, None, "pending", NOW + 9000)  # a replay
    assert (again.state, again.body, len(again.tries)) == ("pending", b'{"n":1}', 2)
    for place in range(30):
        again = table.record(again, (NOW + place, 500, 1, "status"), "pending", NOW + place)
    assert (len(again.tries), again.tries[-1][0]) == (20, NOW + 29)
    assert again.view().tries == again.tries


def test_deliveries_are_found_by_job_and_by_endpoint(world: World) -> None:
    table = DeliveryTable(TABLE)
    jobs = [world.job()[0].id for _ in range(3)]
    pairs = [(jobs[0], "ep_1"), (jobs[0], "brief"), (jobs[1], "ep_1"), (jobs[2], "ep_1")]
    rows = [opened(world, table, job, target, created=NOW + place) for place, (job, target) in enumerate(pairs)]
    assert list(table.of_job(ACME, jobs[0])) == rows[:2]
    assert list(table.of_endpoint(ACME, "ep_1", NOW, NOW + 2)) == [rows[0], rows[2]]
    assert list(table.of_endpoint(ACME, "ep_1", NOW + 5, NOW)) == []
    assert list(table.of_endpoint("acc_b", "ep_1", 0, 2**60)) == []
    assert len(list(table.of_endpoint(ACME, "ep_1", 0, 2**60))) == 3
    assert table.get("acc_b", rows[0].id) is None


def test_a_delivery_id_is_its_row_and_nothing_else_is() -> None:
    made = delivery.id_of("job_1", "evt_a.b", "ep-2")
    assert urllib.parse.quote(made, safe="") == made
    assert delivery.parts_of(made) == ("job_1", "evt_a.b", "ep-2")
    for bad in (
        "",
        "dlv_",
        "dlv_a~b",
        "dlv_a~b~c~d",
        "dlv_a#b~c~d",
        "xlv_a~b~c",
        "dlv_a~~c",
        "dlv_a~b~c\n",
        "dlv_/~b~c",
    ):
        assert delivery.parts_of(bad) is None
    with pytest.raises(ValueError, match="plain"):
        delivery.id_of("a~b", "c", "d")
