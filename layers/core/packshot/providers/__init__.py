"""Providers face upstream. One file each, pure functions; the folder is the registry.

A provider writes requests and reads replies; it never sends anything. Every provider exports one `provider` record.
Facts about it (completion, hosts, times, limits) are fields, asked for by name; nothing elsewhere compares provider
names.
"""

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from packshot.wire import Request, Response

if TYPE_CHECKING:  # submit asks for facts about providers, and a cold start pays for each class
    from packshot.replies import Reply, Shot

Credentials = Mapping[str, str]
"""A provider's secret as the operator stored it, e.g. {"token": …, "webhook_secret": …, "base_url": …}."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One upstream as a value.

    Facts:
    completion       how results are learnt of: `webhook` (and polling), `poll`, or `sync`: the create's own answer.
                     Any create may answer with results at once; a `sync` one never names a request
    base_url         where its API is; `base_url` of the credentials replaces it
    api_hosts        further hosts that its requests may go to: polling addresses, keys, lists
    output_hosts     hosts that results may be fetched from; none where results are inline
    secrets          the fields of its credentials: name -> whether it is needed
    images_per_call  pictures that one create may ask for
    typical          assumed p50, p75 and p90 of its running time, s, until eight jobs were measured
    first_look       when to look whether anybody works on a call, s, where that is not p50
    poll_pause       s between two polls of one request, at least
    deadline         s after which an attempt is given up
    lasts            s for which results can be fetched; 0: they are inline
    seconds          s that one request may take
    max_answer       bytes of one answer, at most
    inputs           whether it takes addresses of pictures or bytes
    longest_input    px of an input's long side, at most; 0: any
    mask             what the part of a mask that is to change looks like: `white`, `black`, or `clear` (transparent)
    concurrency      attempts that its account may have open at once; 0: no limit is known
    account_hook     its webhook's address is set once for its account, so a delivery is found by the request's name
    signs            whether its webhooks prove where they come from; else the token in their address alone does
    aws              its requests are signed with the credentials of the function's own role

    Functions:
    write, read                      a create
    write_poll, read_poll, read_more asking for one; `read_more` reads the answer to a `More`
    write_cancel                     telling it to stop, where it can be told
    verify, read_webhook             its webhook: `verify` raises Forged, `read_webhook` gives (request's name, reply)
    write_keys                       where its public keys are; `verify` finds that answer as "keys" of its credentials
    write_list, read_list            finding a create whose answer was lost: the list of a model's requests since a time
                                     (ms), and the `remote` of that which bears our label or our webhook's address
    named                            the request's name in its webhooks, of the `remote` that polling needs
    write_probe                      one cheap call that shows whether credentials work
    sign                             what is done to each request just before it is sent; the time in s
    """

    completion: Literal["render", "webhook", "poll", "sync"]
    base_url: str
    output_hosts: tuple[str, ...]
    images_per_call: int
    typical: tuple[int, int, int]
    deadline: int
    write: "Callable[[Shot, Credentials, str | None], Request]"
    read: "Callable[[Response], Reply]"
    write_poll: Callable[[str, Credentials], Request] | None = None
    read_poll: "Callable[[Response], Reply] | None" = None
    read_more: "Callable[[Response], Reply] | None" = None
    write_cancel: Callable[[str, Credentials], Request] | None = None
    verify: Callable[[Credentials, Mapping[str, str], bytes, int], None] | None = None
    read_webhook: "Callable[[bytes], tuple[str, Reply]] | None" = None
    write_keys: Callable[[Credentials], Request] | None = None
    write_list: Callable[[str, int, Credentials], Request] | None = None
    read_list: Callable[[Response, str, str], str | None] | None = None
    named: Callable[[str], str] = str
    write_probe: Callable[[Credentials], Request] | None = None
    sign: Callable[[Request, Credentials, int], Request] | None = None
    secrets: Mapping[str, bool] | None = None
    api_hosts: tuple[str, ...] = ()
    first_look: int | None = None
    poll_pause: int = 0
    lasts: int = 0
    seconds: int = 30
    max_answer: int = 2 * 1024 * 1024
    inputs: Literal["url", "bytes"] = "url"
    longest_input: int = 0
    mask: Literal["white", "black", "clear"] = "white"
    concurrency: int = 0
    signs: bool = True
    account_hook: bool = False
    aws: bool = False


def secret_name(prefix: str, provider: str, account: str | None = None) -> str:
    """The name of the secret with a provider's credentials; `prefix` is that of the operator's, `account` whose own."""
    return prefix + provider if account is None else f"{prefix.removesuffix('providers/')}accounts/{account}/{provider}"


NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def load(name: str) -> Provider:
    """The provider of that name. Raises LookupError for a name that is no file of this folder."""
    if name not in NAMES:
        raise LookupError(name)
    provider: Provider = import_module(f"{__name__}.{name}").provider
    return provider
