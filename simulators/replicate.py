"""Replicate on loopback: predictions, webhooks and output files as its HTTP reference documents them.

Stricter than the original in one way: a field that a model does not document is a 422 (the original may ignore it).
Looser in two: webhooks may be plain http to this machine, and nothing is limited unless a directive asks for it.
"""

import hashlib
import json
import math
import re
import secrets
import threading
from collections import Counter, OrderedDict
from typing import Any

from simulators.kit import DIRECTIVE, credentials, deliver, standard
from simulators.pictures import render, size_of
from simulators.replicate_models import MODELS, describe, faults, measure, slug_of, span_of
from simulators.replicate_predictions import HELP, TERMINAL, Prediction, invalid, problem
from simulators.server import Answer, Call, as_json
from simulators.wire import may_call, stamp
from simulators.world import World

_CREDENTIALS = credentials("replicate")
TOKEN: str = _CREDENTIALS["token"]
WEBHOOK_SECRET: str = _CREDENTIALS["webhook_secret"]
FORGED = "whsec_bm90IHRoZSBzaW11bGF0b3IncyBrZXkh"

_PREFER = re.compile(r"wait(?:=([1-9]|[1-9][0-9]|60))?")


class Simulator:
    """`/replicate`: what `https://api.replicate.com` and `https://replicate.delivery` are to the world."""

    HELP = HELP

    def __init__(self, world: World, url: str) -> None:
        self.world, self.url = world, url
        self.lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget every prediction."""
        with self.lock:
            self.predictions: OrderedDict[str, Prediction] = OrderedDict()
            self.blobs: OrderedDict[str, bytes] = OrderedDict()
            self.seen: Counter[str] = Counter()

    def answer(self, call: Call) -> Answer:
        """Route one request."""
        parts = call.path.strip("/").split("/")
        if parts[0] == "files" and call.method in ("GET", "HEAD"):
            return self._file(parts)
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme not in ("Bearer", "Token") or not secrets.compare_digest(token.encode(), TOKEN.encode()):
            return problem(401, "Unauthenticated", "You did not pass a valid authentication token")
        match call.method, *parts:
            case "POST", "v1", "predictions":
                return self._create(call, None)
            case "POST", "v1", "models", owner, name, "predictions":
                return self._create(call, f"{owner}/{name}")
            case "GET", "v1", "predictions":
                return self._list(call)
            case "GET", "v1", "predictions", number if found := self.predictions.get(number):
                if self._first(f"poll-503 {number}", found.directives.get("poll-503", "0")):
                    return problem(503, "Service Unavailable", "Try again later.")
                return as_json(200, self._view(found))
            case "POST", "v1", "predictions", number, "cancel" if found := self.predictions.get(number):
                self._end(found, "canceled")
                return as_json(200, self._view(found))
            case "GET", "v1", "webhooks", "default", "secret":
                return as_json(200, {"key": WEBHOOK_SECRET})
            case "GET", "v1", "account":
                return as_json(200, {"type": "organization", "username": "simulated", "name": "Simulated"})
            case "GET", "v1", "models", owner, name if (slug := f"{owner}/{name}") in MODELS:
                return as_json(200, describe(slug, f"{self.url}/{slug}"))
            case "GET", "v1", "models", owner, name, "versions", number if slug_of(number) == f"{owner}/{name}":
                return as_json(200, describe(f"{owner}/{name}", self.url)["latest_version"])
        return problem(404, "Not found", "The requested resource could not be found.")

    # --- create ------------------------------------------------------------------------------------------------------
    def _create(self, call: Call, slug: str | None) -> Answer:
        body = json.loads(call.body)
        body = body if isinstance(body, dict) else {}
        by_name, slug = slug, slug or slug_of(str(body.get("version", "")))
        if slug not in MODELS or (by_name and "version" in MODELS[slug]):
            return problem(404, "Not found", "The requested resource could not be found.")
        inputs, hook, events = body.get("input"), body.get("webhook"), body.get("webhook_events_filter") or []
        wait = _PREFER.fullmatch(call.headers.get("prefer", "wait=1"))
        try:
            span = span_of(call.headers.get("cancel-after"))
        except ValueError:
            wait = None
        wrong = faults(slug, inputs)
        if hook is not None and not may_call(hook):
            wrong.append(("webhook", "must be an https URL"))
        if not isinstance(events, list) or not set(map(str, events)) <= {"start", "output", "logs", "completed"}:
            wrong.append(("webhook_events_filter", "must hold start, output, logs or completed"))
        if wait is None:
            wrong.append(("headers", "Cancel-After or Prefer is not valid"))
        if wrong or wait is None or not isinstance(inputs, dict):
            return invalid(wrong)
        words = str(inputs.get("prompt", ""))
        asked = {name: value or "" for name, value in DIRECTIVE.findall(words)}
        if refusal := self._refusal(asked, slug + words):
            return refusal
        made = self._make(slug, inputs, asked, body, span)
        if "500-after" in asked:
            return Answer(500, b'{"detail":"Internal server error"}', effect=made.id)
        if "garbage-after" in asked:
            return Answer(201, b"<html><h1>It worked!</h1></html>", {"content-type": "text/html"}, made.id)
        if "hang-after" in asked:
            return Answer(0, effect=made.id, hang=True)
        waited = "prefer" in call.headers
        finished = waited and made.done.wait(int(wait[1] or 60))
        return as_json(202 if waited and not finished else 201, self._view(made), effect=made.id)

    def _refusal(self, asked: dict[str, str], key: str) -> Answer | None:
        if "429" in asked and self._first(f"429 {key}", asked["429"] or "1"):
            pause = self.world.settings["retry_after"]
            headers = {} if pause is None else {"retry-after": str(pause)}
            return as_json(429, {"detail": "Request was throttled. Your rate limit resets in ~30s."}, headers)
        if "500-before" in asked and self._first(f"500 {key}", asked["500-before"] or "1"):
            return Answer(500, b"<html>Internal Server Error</html>", {"content-type": "text/html"})
        if "402" in asked:
            return problem(402, "Insufficient credit", "You have insufficient credit to run this model.")
        if "403" in asked:
            return problem(403, "Forbidden", "You do not have permission to perform this action.")
        if "refused" in asked:
            return problem(422, "Input refused", "The input was flagged as sensitive. (E005)")
        return invalid([("input", "the simulator was asked to find a fault")]) if "invalid" in asked else None

    def _first(self, key: str, times: str) -> bool:
        with self.lock:
            self.seen[key] += 1
            return self.seen[key] <= int(times)

    def _make(self, slug: str, inputs: dict[str, Any], asked: dict[str, str], body: dict[str, Any],
              span: int | None) -> Prediction:  # fmt: skip
        with self.lock:
            key = f"{slug} {inputs.get('seed', '')} {inputs.get('prompt', '')}"
            self.seen[key] += "seed" not in inputs  # without a seed, the same words give another picture each time
            seed = int.from_bytes(hashlib.sha256(f"{key} {self.seen[key]}".encode()).digest()[:6])
            events = tuple(body.get("webhook_events_filter") or ("output", "completed"))
            now = self.world.now()
            made = Prediction(slug, inputs, asked, body.get("webhook"), events, span and now + span, seed, now)
            self.predictions[made.id] = made
            while len(self.predictions) > 50_000:
                self.predictions.popitem(last=False)
        latency = float(asked.get("slow") or self.world.settings["latency"])
        self.world.later(latency / 4, lambda: self._start(made, latency * 3 / 4))
        if span:
            self.world.later(span, lambda: self._end(made, "canceled" if made.started else "aborted"))
        return made

    # --- life --------------------------------------------------------------------------------------------------------
    def _start(self, made: Prediction, rest: float) -> None:
        if "aborted" in made.directives:
            return self._end(made, "aborted")
        with self.lock:
            if made.status != "starting":
                return None
            made.status, made.started = "processing", self.world.now()
        self._notify(made, "start")
        try:
            self._load(made)
        except OSError as error:
            if self.world.settings["inputs"] == "strict":
                return self._end(made, "failed", f"Input validation error: the image could not be downloaded ({error})")
        return self.world.later(max(0, rest - (self.world.now() - made.started)), lambda: self._finish(made))

    def _load(self, made: Prediction) -> None:
        """Fetch every input picture; keep the first, which is the product, and the mask."""
        schema, masked = MODELS[made.model]["input"], None
        for name, value in made.input.items():
            kind = schema[name].get("type")
            if kind not in ("image", "images", "mask"):
                continue
            for url in value if isinstance(value, list) else [value]:
                data = self.world.fetch(url)
                measured = size_of(data)
                if measured is None:
                    raise OSError("not a picture")
                if kind == "mask":
                    made.mask, masked = self._keep(data), measured
                elif made.product is None:
                    made.product, made.size = self._keep(data), measured
        if masked and masked != made.size:
            raise OSError("image and mask have different sizes")

    def _keep(self, data: bytes) -> str:
        key = hashlib.sha256(data).hexdigest()
        with self.lock:
            self.blobs[key] = data
            while len(self.blobs) > 200:
                self.blobs.popitem(last=False)
        return key

    def _finish(self, made: Prediction) -> None:
        asked = made.directives
        if "moderated" in asked:
            return self._end(made, "failed", "The input or output was flagged as sensitive. Try other inputs. (E005)")
        if "fail" in asked:
            return self._end(made, "failed", asked["fail"] or "Prediction interrupted; please retry (code: PA)")
        if "canceled" in asked:
            return self._end(made, "canceled")
        made.size = measure(made.model, made.input, made.size)
        several = made.input.get("sequential_image_generation") == "auto" and made.input.get("max_images")
        number = made.input.get("number_of_images") or made.input.get("num_outputs") or several or 1
        wanted = int(number) + int(asked.get("extra", 0))
        return self._end(made, "succeeded", pictures=0 if "no-image" in asked else wanted)

    def _end(self, made: Prediction, status: str, error: str | None = None, pictures: int = 0) -> None:
        with self.lock:
            if made.status in TERMINAL:
                return
            if pictures and "output" in made.events:
                made.pictures = pictures
                self._notify(made, "output")
            made.status, made.error, made.pictures, made.completed = status, error, pictures, self.world.now()
        made.done.set()
        self._notify(made, "completed")

    def _notify(self, made: Prediction, event: str) -> None:
        kind, _, value = (made.directives.get("webhook") or str(self.world.settings["webhook"])).partition(":")
        if not made.webhook or event not in made.events or kind == "none":
            return
        body = json.dumps(made.view(self.url, self.world.now(), math.inf)).encode()
        body = body[: len(body) // 2] if kind == "truncated" else body
        number = f"msg_{secrets.token_urlsafe(18)}"
        secret, age = FORGED if kind == "forged" else WEBHOOK_SECRET, 3600 if kind == "stale" else 0
        wait = float(value or self.world.settings["late"]) if kind == "late" else 0.0
        for pause in (0.0, 0.2, 0.6) if kind == "dup" else (wait,):
            deliver(self.world, made.webhook, body, standard(secret, number, body), about=made.id, age=age, pause=pause)
        if kind == "reordered" and event == "completed":
            older = {
                **made.view(self.url, self.world.now(), math.inf),
                "status": "processing",
                "output": None,
                "completed_at": None,
            }
            again = json.dumps(older).encode()
            headers_of = standard(secret, f"{number}0", again)
            deliver(self.world, made.webhook, again, headers_of, about=made.id, pause=0.3)

    # --- reading -----------------------------------------------------------------------------------------------------
    def _view(self, made: Prediction) -> dict[str, Any]:
        return made.view(self.url, self.world.now(), self.world.settings["retention"])

    def _list(self, call: Call) -> Answer:
        after, before = call.query.get("created_after", ""), call.query.get("created_before", "9999")
        with self.lock:
            every = reversed(list(self.predictions.values()))
        newest = [made for made in every if after <= (stamp(made.created) or "") < before]
        skip = int(call.query.get("cursor", 0))
        rest = f"{self.url}/v1/predictions?cursor={skip + 100}" if len(newest) > skip + 100 else None
        page = [self._view(made) for made in newest[skip : skip + 100]]
        return as_json(200, {"previous": None, "next": rest, "results": page})

    def _file(self, parts: list[str]) -> Answer:
        made = self.predictions.get(parts[1]) if len(parts) == 3 else None
        index, _, suffix = parts[-1].partition(".")
        known = [f"{index}.{made.suffix}" for index in range(made.pictures)] if made else []
        if not made or parts[-1] not in known or made.removed(self.world.now(), self.world.settings["retention"]):
            return Answer(404, b"Not found", {"content-type": "text/plain"})
        if "broken-output" in made.directives:
            return Answer(200, b"<html>not a picture</html>", {"content-type": "image/png"})
        caption = DIRECTIVE.sub("", made.input.get("prompt", "")).strip()
        width, height = made.size or (1024, 1024)
        product, mask = self.blobs.get(made.product or ""), self.blobs.get(made.mask or "")
        data = render(caption, product, width, height, made.seed + int(index), suffix, mask)
        return Answer(200, data, {"content-type": f"image/{suffix.replace('jpg', 'jpeg')}"})
