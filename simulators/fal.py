"""fal.ai: the queue, the results, the keys that sign webhooks, the files and the list of requests.

Four hosts of the original are one here: queue.fal.run, rest.fal.ai (keys), api.fal.ai (lists, prices), v3.fal.media.
Stricter than the original: a field that a model does not document is refused, and at once. Looser: webhooks may be
plain http to this machine. Where the documents are silent: a result that is not ready is a 400; what was canceled in
the queue ends with a 499 and without a webhook; only requests that have ended are listed.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from simulators.fal_models import ENDPOINTS, faults, measure
from simulators.kit import EVIL, HTML, Asked, Files, Task, Tasks, credentials, cut, measured, notify, picture
from simulators.server import Answer, Call, as_json
from simulators.wire import may_call, stamp
from simulators.world import World

HELP = """fal: directives in a prompt or scene_description

slow fail moderated refused invalid unauthorized quota gone 429 500-before 500-after garbage-after hang-after poll-503
webhook=none|dup|late|forged|stale|truncated no-image black black-only broken-output truncated-output wrong-type
huge-output expired-output evil-output evil-poll

fail=runner_disconnected   ends with that platform error, of fal's own names
no-media                   ends with the model's own error no_media_generated
unloadable                 ends as if an input could not be downloaded
payload-error              the webhook says that the output could not be serialised
retried                    the webhook's gateway_request_id is not its request_id
other-user                 the webhook is signed, but for another account
other-body                 the webhook is signed, but its body names another request
stubborn                   cancelling does not stop it, even in the queue

POST /fal/_rotate          a new signing key; the old one stays in the list
"""

_CREDENTIALS = credentials("fal")
TOKEN: str = _CREDENTIALS["token"]
USER: str = _CREDENTIALS["user_id"]
SEED = b"packshot's simulator of fal only"  # 32 bytes
ERRORS = {
    "request_timeout": 504, "startup_timeout": 504, "runner_scheduling_failure": 503, "runner_connection_timeout": 503,
    "runner_disconnected": 503, "runner_connection_refused": 503, "runner_connection_error": 503,
    "runner_incomplete_response": 502, "runner_server_error": 500, "internal_error": 500, "client_disconnected": 499,
    "client_cancelled": 499, "bad_request": 400,
}  # fmt: skip
_STATUS = {"queued": "IN_QUEUE", "running": "IN_PROGRESS"}


def problem(status: int, detail: str, kind: str = "") -> Answer:
    """A platform error."""
    named = {"error_type": kind} if kind else {}
    return as_json(status, {"detail": detail, **named}, {"x-fal-error-type": kind} if kind else {})


def fault(kind: str, message: str, field: str = "prompt") -> dict[str, Any]:
    """A model's error."""
    return {
        "detail": [{"loc": ["body", field], "msg": message, "type": kind, "url": f"https://docs.fal.ai/errors#{kind}"}]
    }


def key_of(number: int) -> Ed25519PrivateKey:
    """The signing key after so many rotations."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(SEED + bytes([number])).digest() if number else SEED)


class Simulator:
    """`/fal`: what fal.ai's hosts are to the world."""

    HELP = HELP

    def __init__(self, world: World, url: str) -> None:
        self.world, self.url = world, url
        self.reset()

    def reset(self) -> None:
        """Forget every request, and every rotation."""
        self.files = Files(self.world, self.url)
        self.tasks = Tasks(self.world, self._finish, self._tell)
        self.keys = 0

    def answer(self, call: Call) -> Answer:
        """Route one request."""
        parts = call.path.strip("/").split("/")
        if parts[0] == "files":
            return self.files.answer(call.path)
        if parts == [".well-known", "jwks.json"]:
            return as_json(200, {"keys": [self._jwk(number) for number in range(self.keys, -1, -1)]})
        if parts == ["_rotate"] and call.method == "POST":
            self.keys += 1
            return as_json(200, {"keys": self.keys + 1})
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme != "Key" or not secrets.compare_digest(token.encode(), TOKEN.encode()):
            return problem(401, "Cannot access application. Authentication is required to access this application.")
        match call.method, *parts:
            case "GET", "v1", "models", "requests", "by-endpoint":
                return self._list(call)
            case "GET", "v1", "models", "pricing":
                return self._prices(call)
            case method, owner, app, "requests", number, *rest if found := self._find(owner, app, number):
                return self._request(method, rest, found)
            case "PUT", _, _, "requests", _, "cancel":
                return as_json(404, {"status": "NOT_FOUND"})
            case "POST", *_ if call.path.strip("/") in ENDPOINTS:
                return self._create(call, call.path.strip("/"))
        return problem(404, "Not found")

    def _find(self, owner: str, app: str, number: str) -> Task | None:
        task = self.tasks.get(number)
        return task if task and task.data["app"] == f"{owner}/{app}" else None

    # --- create ------------------------------------------------------------------------------------------------------
    def _create(self, call: Call, endpoint: str) -> Answer:
        body = json.loads(call.body)
        fields = body if isinstance(body, dict) else {}
        asked = Asked(self.world, "fal", str(fields.get("prompt", "")), str(fields.get("scene_description", "")))
        hook = call.query.get("fal_webhook")
        if wrong := faults(endpoint, body):
            return as_json(422, {"detail": wrong})
        if hook is not None and not may_call(hook):
            return problem(400, "fal_webhook must be an https URL", "bad_request")
        if refusal := self._refusal(asked):
            return refusal
        app = "/".join(endpoint.split("/")[:2])
        data = {"endpoint": endpoint, "app": app, "input": body, "hook": hook}
        task = self.tasks.start(Task(asked, data, str(uuid4())))
        if "500-after" in asked:
            return Answer(500, b'{"detail":"Internal Server Error"}', effect=task.id)
        if "garbage-after" in asked:
            return Answer(200, HTML, {"content-type": "text/html"}, task.id)
        if "hang-after" in asked:
            return Answer(0, effect=task.id, hang=True)
        return as_json(200, {"status": "IN_QUEUE", "queue_position": 0, **self._links(task)}, effect=task.id)

    def _refusal(self, asked: Asked) -> Answer | None:
        if asked.once("429"):
            pause = self.world.settings["retry_after"]
            headers = {} if pause is None else {"retry-after": str(pause)}
            return as_json(429, {"detail": "Too many requests"}, headers)
        if asked.once("500-before"):
            return problem(500, "Internal Server Error", "internal_error")
        if "unauthorized" in asked:
            return problem(401, "Cannot access application. Authentication is required to access this application.")
        if "quota" in asked:
            return problem(403, "User is locked. Reason: Exhausted balance. Top up your balance.")
        if "gone" in asked:
            return problem(404, "Application not found")
        if "refused" in asked:
            return as_json(422, self._policy())
        return as_json(422, fault("value_error", "The simulator was asked to.")) if "invalid" in asked else None

    def _policy(self) -> dict[str, Any]:
        return fault("content_policy_violation", "The content could not be processed: flagged by a content checker.")

    def _links(self, task: Task) -> dict[str, Any]:
        at = f"{EVIL if 'evil-poll' in task.asked else self.url}/{task.data['app']}/requests/{task.id}"
        return {"request_id": task.id, "response_url": at, "status_url": f"{at}/status", "cancel_url": f"{at}/cancel"}

    # --- life --------------------------------------------------------------------------------------------------------
    def _finish(self, task: Task) -> None:
        endpoint, body = ENDPOINTS[task.data["endpoint"]], task.data["input"]
        if "unloadable" in task.asked:
            raise OSError("asked to")
        found = body.get("image_urls", []) + [body[name] for name in ("image_url", "ref_image_url") if body.get(name)]
        inputs = [self.world.fetch(address) for address in found]
        sizes = [measured(data) for data in inputs]
        width, height = measure(task.data["endpoint"], body, sizes[0] if sizes else None)
        form = body.get("output_format") or body.get("format") or endpoint.form
        task.data |= {"size": (width, height), "form": form, "seed": body.get("seed", int(task.id[:8], 16))}
        for number in range(body.get("num_images") or body.get("num_results") or 1):
            if endpoint.one:
                made = lambda: cut(inputs[0])  # noqa: E731
            else:
                seed = task.data["seed"] + number
                made = picture(task.asked, inputs[0] if inputs else None, width, height, seed, form)
            task.pictures.append(self.files.keep(made, form, task.asked))

    def _result(self, task: Task) -> tuple[int, dict[str, Any]]:
        """The status and body that the result has."""
        asked = task.asked
        if not task.over:
            return 400, {"detail": "Request is still in progress"}
        if task.status == "refused":
            return 422, self._policy()
        if task.status == "failed" and "error" in task.data:
            return 422, fault("file_download_error", "Failed to download the file.", "image_urls")
        if task.status in ("failed", "canceled"):
            kind = "client_cancelled" if task.status == "canceled" else asked.value("fail", "runner_server_error")
            return ERRORS[kind], {"detail": f"The request ended: {kind}", "error_type": kind}
        if "no-media" in asked:
            return 422, fault("no_media_generated", "The model made no media of this input.")
        return 200, self._output(task)

    def _output(self, task: Task) -> dict[str, Any]:
        endpoint, form = ENDPOINTS[task.data["endpoint"]], task.data.get("form", "png")
        width, height = task.data.get("size", (0, 0))
        images = [
            {"url": at, "content_type": f"image/{form}", "file_name": at.rpartition("/")[2], "file_size": 123_456,
             "width": width, "height": height} for at in task.pictures
        ]  # fmt: skip
        more: dict[str, Any] = {"seed": task.data.get("seed", 0)} if endpoint.seeds else {}
        if endpoint.flags:
            more |= {
                "has_nsfw_concepts": ["black" in task.asked] * len(images),
                "prompt": task.asked.words,
                "timings": {},
            }
        if endpoint.one:
            return {"image": images[0] if images else None, **more}
        return {"images": images, **more}

    def _tell(self, task: Task) -> None:
        hook, asked = task.data["hook"], task.asked
        if not hook or task.status == "canceled":
            return
        status, payload = self._result(task)
        body: dict[str, Any] = {
            "request_id": str(uuid4()) if "other-body" in asked else task.id,
            "gateway_request_id": str(uuid4()) if "retried" in asked else task.id,
            "status": "OK" if status == 200 else "ERROR",
            "error": None if status == 200 else f"Invalid status code: {status}",
            "payload": payload,
        }
        if "payload-error" in asked:
            body |= {"payload": None, "payload_error": "Response payload is not JSON serializable."}
        user = "github|another" if "other-user" in asked else USER

        def headers_of(data: bytes, when: int, genuine: bool) -> Mapping[str, str]:
            key = key_of(self.keys if genuine else 200)
            signed = "\n".join((task.id, user, str(when), hashlib.sha256(data).hexdigest())).encode()
            named = {
                "Request-Id": task.id,
                "User-Id": user,
                "Timestamp": str(when),
                "Signature": key.sign(signed).hex(),
            }
            return {f"X-Fal-Webhook-{name}": value for name, value in named.items()}

        notify(self.world, asked, hook, body, headers_of, about=task.id)

    # --- reading -----------------------------------------------------------------------------------------------------
    def _request(self, method: str, rest: list[str], task: Task) -> Answer:
        match method, *rest:
            case "GET", "status":
                if task.asked.once("poll-503", task.id):
                    return Answer(503, HTML, {"content-type": "text/html"})
                return self._status(task)
            case ("GET",):
                status, body = self._result(task)
                kind = {"x-fal-error-type": body["error_type"]} if "error_type" in body else {}
                return as_json(status, body, {"x-fal-request-id": task.id, **kind})
            case "PUT", "cancel":
                if task.over:
                    return as_json(400, {"status": "ALREADY_COMPLETED"})
                if task.status == "queued" and "stubborn" not in task.asked:
                    self.tasks.cancel(task)  # what runs is only told, and may finish
                return as_json(202, {"status": "CANCELLATION_REQUESTED"})
        return problem(404, "Not found")

    def _status(self, task: Task) -> Answer:
        status = _STATUS.get(task.status, "COMPLETED")
        body: dict[str, Any] = {"status": status, **self._links(task)}
        if status == "IN_QUEUE":
            return as_json(202, {**body, "queue_position": 0})
        body["logs"] = None
        if status == "IN_PROGRESS":
            return as_json(202, body)
        code, result = self._result(task)
        body["metrics"] = {"inference_time": (task.ended or 0.0) - (task.started or task.created)}
        if code != 200:
            body |= {"error": f"Invalid status code: {code}", "error_type": result.get("error_type", "bad_request")}
        return as_json(200, body)

    def _jwk(self, number: int) -> dict[str, str]:
        raw = key_of(number).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(raw).decode().rstrip("=")}

    def _list(self, call: Call) -> Answer:
        wanted, start = call.query.get("endpoint_id"), call.query.get("start", "")
        if not wanted:
            return as_json(400, {"error": {"type": "validation_error", "message": "endpoint_id is required"}})
        skip, limit = int(call.query.get("cursor", "0")), min(100, int(call.query.get("limit", "50")))
        ended = [task for task in reversed(list(self.tasks.known.values())) if task.over and task.ended]
        found = [task for task in ended if task.data["endpoint"] == wanted and (stamp(task.created) or "") >= start]
        page, more = found[skip : skip + limit], len(found) > skip + limit
        items = [self._item(task, "payloads" in call.query.get("expand", "")) for task in page]
        return as_json(200, {"items": items, "next_cursor": str(skip + limit) if more else None, "has_more": more})

    def _item(self, task: Task, payloads: bool) -> dict[str, Any]:
        status, output = self._result(task)
        times = {"sent_at": stamp(task.created), "started_at": stamp(task.started), "ended_at": stamp(task.ended)}
        item = {"request_id": task.id, "endpoint_id": task.data["endpoint"], "status_code": status, **times}
        return {**item, "json_input": task.data["input"], "json_output": output} if payloads else item

    def _prices(self, call: Call) -> Answer:
        wanted = call.query.get("endpoint_id", "").split(",")
        unknown = [name for name in wanted if name not in ENDPOINTS]
        if unknown or len(wanted) > 50:
            return as_json(404, {"error": {"type": "not_found", "message": "Endpoint not found"}})
        prices = [{"endpoint_id": name, "unit_price": 0.04, "unit": "image", "currency": "USD"} for name in wanted]
        return as_json(200, {"prices": prices, "next_cursor": None, "has_more": False})
