"""The marks of test_canary.py in every dialect's own order: taken, refused for each reason, failed, completed."""

import itertools
import json
from typing import Any

import pytest

from packshot import dialects
from packshot.aws.books import Books
from packshot.steps import submit
from tests.flow.conftest import Net, make_tenant, net, photo, stack, tenant
from tests.flow.test_doors_and_tenants import IMAGE, ORDERS, WORDS, keyed, send
from tests.flow.test_jobs import ready
from tests.flow.world import World
from tests.security.test_canary import PICTURE, PROMPT, Watch, watch

__all__ = ["net", "stack", "tenant", "watch"]


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a picture has waited long enough."""
    ticks = itertools.count(step=1000)
    monkeypatch.setitem(submit.hold.__kwdefaults__, "clock", lambda: float(next(ticks)))


def marked(name: str) -> tuple[str, Any]:
    """The dialect's order, with marks for its words and its picture."""
    path, body = ORDERS[name]
    text = json.dumps(body).replace(WORDS, PROMPT).replace(IMAGE, PICTURE)
    return path, json.loads(text)


@pytest.mark.parametrize("name", dialects.NAMES)
def test_no_dialect_lets_a_mark_out(stack: World, net: Net, watch: Watch, name: str) -> None:
    path, body = marked(name)
    assert "canary" in json.dumps(body)
    net.pages[PICTURE] = photo()
    net.after_create = lambda made: net.predictions.update({made: "failed"}) if made == "pred0" else ready(net, made)
    rich, poor = make_tenant(stack, "acct_rich"), make_tenant(stack, "acct_poor", topup=0)
    nosy = make_tenant(stack, "acct_nosy", scopes=("usage:read",))
    busy = make_tenant(stack, "acct_busy")
    Books("packshot").change(busy.account, {"rpm": 1, "burst": 1})
    watch.keys += [rich.key, rich.test_key, poor.key, nosy.key, busy.key]
    keys = (rich.key, rich.test_key, poor.key, nosy.key, busy.key, busy.key, rich.key[:-1], "")
    answers = [send(stack, "POST", path, body, keyed(name, key)) for key in keys]
    told = {answer.status for answer in answers}
    assert 401 in told and 429 in told
    for spoilt in (json.dumps(body)[:-1], json.dumps([body]), json.dumps({**body, "count": "canaryprompt"})):
        headers, query = keyed(name, rich.key)
        asked = "&".join(f"{field}={value}" for field, value in query.items())
        stack.api("POST", path, raw=spoilt.encode(), headers=headers, query=asked)
    stack.run(seconds=130, sweeps=True)
    assert Books("packshot").sums(rich.account).jobs >= 1
