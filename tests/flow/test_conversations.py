"""Every vendor's client, from start to end, with the shipped handlers: what it sends, what it gets, what it costs."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from packshot.aws.books import Books
from packshot.steps import submit
from tests import conversations
from tests.flow.conftest import Net, make_tenant, photo
from tests.flow.world import World

IMAGE = "https://shop.example/mug.jpg"


@dataclass
class Wire:
    """Both doors of the one-process world; every provider is quick and good."""

    stack: World
    net: Net

    def send(
        self, method: str, url: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Over the Function URL."""
        reply = self.stack.long(method, url, headers=headers, query=urlencode(query), raw=body)
        data = base64.b64decode(reply["body"]) if reply["isBase64Encoded"] else reply["body"].encode()
        return reply["statusCode"], reply["headers"], data

    def pause(self) -> None:
        """Time passes."""
        self.stack.clock.now += 1
        self.stack.run()

    def created(self, name: str) -> None:
        """A provider that is done at once."""
        self.net.predictions[name] = "succeeded"
        self.net.pages[f"https://replicate.delivery/{name}.png"] = photo(1024, 1024)


@pytest.mark.parametrize(
    "file", conversations.FILES, ids=[f"{file.parent.parent.name}-{file.stem}" for file in conversations.FILES]
)
def test_a_conversation_goes_as_documented(file: Path, stack: World, net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    credits = json.loads(file.read_text()).get("credits", 100)
    tenant, wire = make_tenant(stack, "acct_vendor", topup=credits), Wire(stack, net)
    net.pages[IMAGE], net.after_create = photo(), wire.created
    monkeypatch.setitem(submit.hold.__kwdefaults__, "sleep", lambda seconds: wire.pause())
    conversations.hold(file, wire, {"key": tenant.key, "image": IMAGE}, photo())
    wire.pause()
    assert Books("packshot").verify(tenant.account) == ()
