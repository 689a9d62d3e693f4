"""Product-photo services whose APIs packshot itself speaks: MakePhotos, AIPhotoGenerator, ProductAI, Phota, Photio.

Made of packshot's own dialects over a small core in memory, so that an adapter meets exactly what packshot would answer
in the vendor's place. It is the one simulator that imports packshot: a mistake of a dialect is not found here, but by
the vendors' documented examples in `tests/contract/dialects`.
"""

import re
import secrets
from dataclasses import replace

from packshot import dialects, ledger
from packshot import wishes as w
from packshot.errors import CallerError, PackshotError, not_found
from packshot.job import Credits
from packshot.wire import Request, Response
from simulators.kit import HTML, Asked, Task, credentials
from simulators.products_core import Core
from simulators.server import Answer, Call
from simulators.world import World

_ALL = """slow fail moderated refused invalid unauthorized quota 429 500-before 500-after garbage-after hang-after
no-image black-only broken-output truncated-output wrong-type huge-output"""
_FILES = f"{_ALL} expired-output evil-output"
_JOBS = f"{_FILES} poll-503 gone\nwebhook=none|dup|late|forged|stale|reordered|truncated"
_WAITS = "refused        at once; a picture that is not made within {} s is none, and its credits go back"
_LATER = "refused        the same as moderated: this API says it of no create"
_CREDITS = "credits=4      the account has that many credits (in the setting behave)"
_ACCOUNT = f"{_CREDITS}\naccount-hook=http://127.0.0.1:8650/x   the account's own webhook (in the setting behave)"

_DOUBLE = re.compile(rb"\[\[(sim:[^\[\]]*)\]\]")
_SINGLE = re.compile(r"\[(sim:[^\[\]]*)\]")


class Service:
    """What all five have in common. `NAME` is that of the credentials, `DIALECTS` are those that it speaks."""

    NAME = ""
    DIALECTS: tuple[str, ...] = ()
    HELP = ""

    def __init__(self, world: World, url: str) -> None:
        self.world, self.url = world, url
        known = credentials(self.NAME)
        self.key = known.get("token") or known["key"]
        self.spoken = [dialects.load(name) for name in self.DIALECTS]
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.core = Core(self.world, self.NAME, self.url)

    def answer(self, call: Call) -> Answer:
        """Answer one request, in whatever form its dialect has."""
        number = self.core.library.id("req")
        headers = {**call.headers, "x-request-id": number}
        request = Request(call.method, call.path, headers, self._body(call), dict(call.query), "url")
        dialect = self._dialect(call.path)
        try:
            if call.path.startswith("/files"):
                return self._file(request)
            if dialect is None:
                raise not_found()
            return self._carried_out(dialect, request)
        except PackshotError as error:
            return _sent((dialect or self.spoken[0]).write_error(error, number, request))

    def _body(self, call: Call) -> bytes:
        return call.body

    def _words(self, prompt: str) -> str:
        return prompt

    def _file(self, request: Request) -> Answer:
        if request.method == "POST":
            return Answer(self.core.library.post(request))
        return self.core.files.answer(request.url)

    def _dialect(self, path: str) -> dialects.Dialect | None:
        """That of the longest prefix."""
        known = {f"{prefix}/": one for one in self.spoken for prefix in one.prefixes}
        fitting = [prefix for prefix in known if f"{path}/".startswith(prefix)]
        return known[max(fitting, key=len)] if fitting else None

    def _carried_out(self, dialect: dialects.Dialect, request: Request) -> Answer:
        key = dialect.key_of(request)
        if key is None:
            raise CallerError("missing_api_key", "Give an API key.")
        wish = dialect.read(request) if secrets.compare_digest(key.encode(), self.key.encode()) else None
        texts = (wish.brief.prompt, wish.brief.negative_prompt) if isinstance(wish, w.Submit) else ()
        asked = Asked(self.world, self.NAME, *map(self._words, texts))
        if wish is None or "unauthorized" in asked:
            raise CallerError("invalid_api_key", "This API key is not valid.")
        if isinstance(wish, w.Submit):
            return self._submit(dialect, wish, asked, request)
        return _sent(dialect.write(wish, self.core.look(wish), request))

    def _submit(self, dialect: dialects.Dialect, wish: w.Submit, asked: Asked, request: Request) -> Answer:
        number = request.headers["x-request-id"]
        self._refuse(asked)
        if asked.once("500-before"):
            return _sent(dialect.write_error(None, number, request))
        if "refused" in asked and wish.wait:
            data = {"wish": wish, "brief": wish.brief, "price": 0, "request_id": number}
            never = Task(asked, data, status="refused", ended=self.world.now())
            return _sent(dialect.write(wish, self.core.view(never), request))
        if "refused" in asked:
            asked.said["moderated"] = ""
        task, fresh = self.core.take(wish, dialect, asked, number)
        if wish.wait:
            self.core.hold(task, wish.wait, fresh=fresh)
        elif fresh:
            self.core.jobs.start(task)
        effect = task.id if fresh else ""
        if "hang-after" in asked:
            return Answer(0, effect=effect, hang=True)
        if "garbage-after" in asked:
            return Answer(200, HTML, {"content-type": "text/html"}, effect)
        bad = "500-after" in asked
        answer = (
            dialect.write_error(None, number, request) if bad else dialect.write(wish, self.core.view(task), request)
        )
        return replace(_sent(answer), effect=effect)

    def _refuse(self, asked: Asked) -> None:
        """What was asked for that has no effect. Raises CallerError."""
        if asked.once("429"):
            raise CallerError("rate_limited", "Too many requests.", retry_after=self.world.settings["retry_after"])
        if "quota" in asked:
            raise ledger.insufficient(1, Credits())
        if "gone" in asked:
            raise CallerError("unknown_model", "There is no model of that name.", field="model")
        if "invalid" in asked:
            raise CallerError("invalid_field", "The simulator was asked to find a fault.", field="prompt")


def _sent(response: Response) -> Answer:
    return Answer(response.status, response.body, response.headers)


class MakePhotos(Service):
    """`/makephotos`: what https://makephotos.ai is to the world."""

    NAME = "makephotos"
    DIALECTS = ("makephotos",)
    HELP = f"""makephotos: directives in a prompt; in the setting behave for /remove-bg

{_FILES}

{_WAITS.format(60)}
{_CREDITS}"""


class AIPhotoGenerator(Service):
    """`/aiphotogenerator`: what https://www.aiphotogenerator.net is to the world."""

    NAME = "aiphotogenerator"
    DIALECTS = ("aiphotogenerator",)
    HELP = f"""aiphotogenerator: directives in a prompt or a negative prompt

{_JOBS}

{_LATER}
{_ACCOUNT}"""


class ProductAI(Service):
    """`/productai`: what https://api.productai.photo is to the world, as documented and as deployed (/v1/api)."""

    NAME = "productai"
    DIALECTS = ("productai", "productai_deployed")
    HELP = f"""productai: directives in a prompt; in the setting behave for /v1/api/upscale

{_JOBS}

{_LATER}
{_ACCOUNT}"""


class Phota(Service):
    """`/phota`: what https://api.photalabs.com is to the world.

    In a prompt of this API `[[id]]` names a profile. So directives are put into single brackets before it is read, and
    looked for in single brackets.
    """

    NAME = "phota"
    DIALECTS = ("phota",)
    HELP = f"""phota: directives in a prompt, also in single brackets: [sim:fail]

{_JOBS}

refused        at once; with async the same as moderated
{_ACCOUNT}"""

    def _body(self, call: Call) -> bytes:
        return _DOUBLE.sub(rb"[\1]", call.body)

    def _words(self, prompt: str) -> str:
        return _SINGLE.sub(r"[[\1]]", prompt)


class Photio(Service):
    """`/photio`: what https://api.photio.io is to the world."""

    NAME = "photio"
    DIALECTS = ("photio",)
    HELP = f"""photio: directives in a prompt or a negative prompt; in the setting behave for relight and rembg

{_ALL}

{_WAITS.format(300)}
{_CREDITS}"""


SIMULATORS: dict[str, type] = {one.NAME: one for one in (MakePhotos, AIPhotoGenerator, ProductAI, Phota, Photio)}
