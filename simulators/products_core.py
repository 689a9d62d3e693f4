"""A product-photo service in memory: one account with its credits and jobs, behind packshot's dialects.

It stands for what packshot does between reading a wish and writing its answer, as far as a caller can tell. What says
nothing to a provider's client is left out: scopes, limits, plans, presets of the account's own.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from packshot import answers as a
from packshot import catalog, ids, ledger, planning
from packshot import wishes as w
from packshot.brief import Brief, Image, frame
from packshot.dialects import Dialect
from packshot.errors import CallerError, Unavailable, not_found
from packshot.job import Call, Credits, Failure, Job, Output, State, Step
from packshot.replies import SAY
from packshot.wire import Request
from simulators import kit
from simulators.pictures import render
from simulators.products_library import UNFETCHED, Library, jpeg, ms, reachable, white
from simulators.world import World

ACCOUNT = "acct_simulated"
GIVEN = 1_000_000
"""Credits, unless the setting `behave` says `[[sim:credits=4]]`."""

SECRET = "whsec_" + base64.b64encode(b"packshot simulators: a secret").decode()
FORGED = "whsec_" + base64.b64encode(b"nobody gave this secret to us").decode()
STATES = {
    "queued": State.PENDING, "running": State.PROCESSING, "done": State.COMPLETED, "failed": State.FAILED,
    "refused": State.FAILED, "canceled": State.CANCELED,
}  # fmt: skip
STEPS = {State.PENDING: Step.WAITING, State.PROCESSING: Step.RUNNING, State.COMPLETED: Step.DONE}
NEEDY = ("makephotos", "productai_deployed")
"""Forms that cannot say that there is no picture; the address is empty then."""


class Core:
    """Everything that one service knows. A job is a task of kit's; its `data` holds the wish, the brief as its model
    hears it, the dialect it came by, the price of an image and the request's id."""

    def __init__(self, world: World, name: str, url: str) -> None:
        self.world, self.name = world, name
        self.files = kit.Files(world, url)
        self.library = Library(world, self.files)
        self.jobs = kit.Tasks(world, self._paint, self._ended)
        self.secret = kit.credentials(name).get("webhook_secret", SECRET)
        self.spent = 0
        self.keys: dict[str, str] = {}  # idempotency key -> job

    @property
    def available(self) -> Credits:
        """What the account has."""
        given = int(kit.Asked(self.world, self.name).value("credits", str(GIVEN)))
        return Credits(topup=max(0, given - self.spent))

    # --- a job's life ------------------------------------------------------------------------------------------------
    def take(self, wish: w.Submit, dialect: Dialect, asked: kit.Asked, request_id: str) -> tuple[kit.Task, bool]:
        """A job, and whether it is new; it does not run yet. Raises CallerError."""
        brief = self._settled(wish)
        with self.world.lock:
            known = self.jobs.get(self.keys.get(wish.idempotency_key or "", ""))
            if known is not None:
                if known.data["wish"] != wish:
                    raise CallerError("idempotency_key_reused", "This idempotency key came with another request.")
                return known, False
            price = wish.price
            if price is None:
                price = ledger.price_of(brief, catalog.models()[brief.model].credits)
            self.spent += ledger.split(price * brief.count, self.available).total
            data = {"wish": wish, "brief": brief, "dialect": dialect, "price": price, "request_id": request_id}
            task = kit.Task(asked, data, self.library.id("job", ids.short if wish.short_id else ids.make))
            task.created = self.world.now()
            self.jobs.known[task.id] = task
            if wish.idempotency_key:
                self.keys[wish.idempotency_key] = task.id
        return task, True

    def hold(self, task: kit.Task, seconds: float, *, fresh: bool) -> None:
        """Let a caller wait while the job runs; it is canceled when it is not done by then."""
        latency, begun = task.asked.latency, task.created
        if not fresh:
            return self.world.sleep(min(seconds, begun + latency + 0.1 - self.world.now()))
        task.status, task.started = "running", begun
        self.world.sleep(min(latency, seconds))
        if latency > seconds:
            self.jobs.cancel(task)
            return None
        status = "refused" if "moderated" in task.asked else "failed" if "fail" in task.asked else "done"
        if status == "done":
            try:
                self._paint(task)
            except OSError as error:
                task.data["error"], status = str(error), "failed"
        task.status, task.ended = status, self.world.now()
        return self._ended(task)

    def _settled(self, wish: w.Submit) -> Brief:
        """The brief as its model hears it. The vendor has its own models: one that nobody makes here, or not in that
        size, is taken all the same. Raises CallerError."""
        brief, library = wish.brief, self.library
        for place, image in enumerate(brief.images):
            field, ours = f"images[{place}]", library.is_ours(image.value)
            if image.kind == "own" and not ours:
                raise CallerError("invalid_field", "Must be the address of a picture kept here.", field=field)
            if image.kind == "url" and not ours:
                reachable(image.value, UNFETCHED, field)
            if image.kind == "asset" and image.value not in ("inline", *library.assets):
                raise CallerError("unknown_asset", "There is no such asset.", field=field)
        for name in wish.profiles:
            profile = library.profiles.get(name)
            if profile is None or profile.state != "ready":
                problem = "This profile is not ready." if profile else "There is no such profile."
                raise CallerError("unknown_profile", problem, field="profiles")
            brief = replace(brief, images=(*brief.images, Image("profile", f"{name}/0", "profile")))
        if brief.callback_url:
            reachable(brief.callback_url, "This address cannot be called", "callback_url")
        try:
            return planning.settle(brief, lenient=wish.lenient, choices={}, usable=lambda _: True)[0]
        except CallerError as error:
            if error.code == "unsupported_by_model" and error.field in ("model", "resolution"):
                return brief
            raise

    def _paint(self, task: kit.Task) -> None:
        """Fetch the inputs and keep what the job makes. Raises OSError."""
        brief: Brief = task.data["brief"]
        found = self._inputs(task)
        product = next((data for image, data in found if image.role != "mask"), None)
        mask = next((white(data, brief.mask_kind) for image, data in found if image.role == "mask"), None)
        width, height = task.data["size"] = frame(brief, kit.measured(product) if product else (1024, 1024))

        def make(number: int) -> bytes:
            seed = hashlib.sha256(f"{brief.seed or task.id} {number}".encode()).digest()[:4]
            if brief.operation == "remove_background" and product:
                return kit.cut(product)
            return render(task.asked.caption, product, width, height, int.from_bytes(seed), brief.format, mask)

        task.data["make"] = make
        for number in range(brief.count):
            task.pictures.append(self.files.keep(lambda number=number: make(number), brief.format, task.asked))  # type: ignore[misc]

    def _inputs(self, task: kit.Task) -> list[tuple[Image, bytes]]:
        inline = {each.image: each.data for each in task.data["wish"].inline}
        found = []
        for place, image in enumerate(task.data["brief"].images):
            try:
                data = inline.get(place) or self.library.read(image)
                kit.measured(data)
                found.append((image, data))
            except OSError:
                if self.world.settings["inputs"] == "strict":
                    raise OSError(f"images[{place}]: The picture cannot be fetched or read.") from None
        return found

    def _ended(self, task: kit.Task) -> None:
        """What was not made costs nothing, and whoever asked to be told is told."""
        brief, dialect = task.data["brief"], task.data["dialect"]
        with self.world.lock:
            self.spent -= 0 if task.status == "done" else task.data["price"] * brief.count
        hook = brief.callback_url or task.asked.value("account-hook")
        if not hook or dialect.callbacks is None:
            return
        earlier = self.view(task, "running")
        for part, body in dialect.callbacks(self.view(task)).items():
            number = int(part) if part.isdecimal() else None
            older = dialect.write(w.GetJob(task.id, number), earlier, Request("GET", "")).json()
            signer = self._signer(dialect, f"evt_{task.id}-{part}")
            kit.notify(self.world, task.asked, hook, json.loads(body), signer, older, about=f"{task.id}-{part}")

    def _signer(self, dialect: Dialect, message: str) -> Callable[[bytes, int, bool], Mapping[str, str]]:
        """The headers of a callback: ours, and the dialect's own."""

        def headers_of(body: bytes, when: int, genuine: bool) -> Mapping[str, str]:
            secret = self.secret if genuine else FORGED
            own = dialect.sign([secret], message, when, body) if dialect.sign else {}
            return {**kit.standard(secret, message, body)(when), **own}

        return headers_of

    # --- what is seen of it ------------------------------------------------------------------------------------------
    def view(self, task: kit.Task, status: str = "") -> a.JobView:
        """The job as its caller sees it now, or as it was when it had that status."""
        brief, wish = task.data["brief"], task.data["wish"]
        state, total = STATES[status or task.status], task.data["price"] * brief.count
        failure = _failure(task) if state is State.FAILED else None
        shown = self._outputs(task) if state is State.COMPLETED else ()
        job = Job(
            id=task.id, account=ACCOUNT, model=brief.model, operation=brief.operation, state=state, version=1,
            created=ms(task.created), updated=ms(task.ended or task.created), deadline=ms(task.created) + 1_800_000,
            count=brief.count, price=task.data["price"], reserved=Credits(topup=total), routes=(),
            calls=tuple(Call(n, 1, STEPS.get(state, Step.FAILED), failure=failure) for n in range(brief.count)),
            charged=Credits(topup=total * (state is State.COMPLETED)) if state.terminal else None,
            outputs=tuple(each.output for each in shown), failure=failure,
            started=ms(task.started) if task.started else None,
            finished=ms(task.ended) if task.ended and state.terminal else None, request_id=task.data["request_id"],
        )  # fmt: skip
        left, seconds = self.available if wish.balance else None, max(1, round(task.asked.latency))
        return a.JobView(job, brief, shown, available=left, estimate=seconds if wish.estimate else None)

    def _outputs(self, task: kit.Task) -> tuple[a.OutputView, ...]:
        brief: Brief = task.data["brief"]
        kind = f"image/{brief.format.replace('jpg', 'jpeg')}"
        if not task.pictures or "no-image" in task.asked:
            nothing = a.OutputView(Output("00", 0, 0, 0, "", kind), "", None)
            return (nothing,) if brief.dialect in NEEDY else ()
        shown, (width, height) = [], task.data["size"]
        for number, url in enumerate(task.pictures):
            key = f"outputs/{ACCOUNT}/{task.id}/{number:02}.{brief.format}"
            output = Output(key, width, height, 0, "", kind)
            inside = brief.delivery == "bytes"
            data = kit.spoiled(task.asked, lambda n=number: task.data["make"](n)) if inside else None  # type: ignore[misc]
            shown.append(a.OutputView(output, url, None, data))
        return tuple(shown)

    def _known(self, id: str) -> a.JobView | None:
        task = self.jobs.get(id)
        if task is not None and task.asked.once("poll-503", id):
            raise Unavailable
        return self.view(task) if task else None

    def look(self, wish: w.Wish) -> a.Answer:
        """Answer any wish but a job. Raises CallerError."""
        library = self.library
        match wish:
            case w.Say(payload, status):
                return a.Said(payload, status)
            case w.GetJob(id):
                return self._known(id) or _missing()
            case w.GetJobs(names):
                return a.JobViews(tuple(map(self._known, names)))
            case w.ListJobs():
                jobs = [self.view(task).job for task in reversed(list(self.jobs.known.values()))]
                return a.JobPage(*_page([job for job in jobs if wish.state in (None, job.state)], wish))
            case w.ListModels():
                return a.Catalogue(tuple(model.describe() for model in catalog.models().values()))
            case w.ListPresets():
                return a.Catalogue(*_page([one.describe() for one in catalog.presets().values() if _fits(wish, one)],
                                          wish)[::2])  # fmt: skip
            case w.GetAccount():
                left = self.available
                return a.AccountView(ACCOUNT, "Simulated", left, left, "live", 600, 60, plan="pro", allowance=0)
            case w.GetCallbackSecret():
                return a.Secret(self.secret)
            case w.PutAsset():
                return library.put(wish)
            case w.ImportAsset():
                return library.fetch(wish)
            case w.PresignAsset():
                return library.ticket(wish)
            case w.ListAssets():
                assets = [one for one in reversed(library.assets.values()) if wish.tag in (None, *one.tags)]
                return a.AssetPage(*_page(assets, wish))
            case w.CreateProfile():
                return library.learn(wish)
            case w.ListProfiles(tag):
                return a.Profiles(tuple(one for one in library.profiles.values() if tag in (None, one.tag)))
            case w.GetProfile(id):
                return library.profiles.get(id) or _missing()
            case w.GetProfilePicture(id) if f"{id}/0" in library.held:
                return a.Raw("image/jpeg", jpeg(library.held[f"{id}/0"]))
            case w.DeleteProfile(id) if library.profiles.pop(id, None):
                return a.Done()
        raise not_found()


def _missing() -> NoReturn:
    raise not_found()


def _page(rows: list[Any], wish: w.ListJobs | w.ListAssets | w.ListPresets) -> tuple[tuple[Any, ...], None, int]:
    """A page, no cursor, and how many there are."""
    offset = wish.offset or 0
    return tuple(rows[offset : offset + wish.limit]), None, len(rows)


def _fits(wish: w.ListPresets, preset: catalog.Preset) -> bool:
    return wish.owner in (None, preset.owner) and wish.category in (None, preset.category)


def _failure(task: kit.Task) -> Failure:
    if "error" in task.data:
        return Failure("image_url_unreachable", task.data["error"])
    code = "content_refused" if task.status == "refused" else "provider_failed"
    return Failure(code, SAY[code])
