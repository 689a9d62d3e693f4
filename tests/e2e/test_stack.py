"""The paths a job can take, on the real template: webhook, poll, sweep, upload; callbacks; money; errors."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.e2e.conftest import PHOTO, Api, Receiver

PROVIDER = {"model": "flux-2", "aspect_ratio": "1:1", "format": "png"}


def test_a_snapshot_becomes_a_finished_photo_and_its_callback_is_signed(
    api: Api, asset: str, receiver: Receiver, local: dict[str, Any]
) -> None:
    before = api("GET", "account", 200)["credits"]["available"]["total"]
    taken = api(
        "POST",
        "jobs",
        202,
        json={
            "images": [asset],
            "preset": "amazon",
            "width": 700,
            "height": 700,
            "callback_url": receiver.url,
            "metadata": {"sku": "p-1"},
        },
    )
    headers, body = receiver.wait(lambda event: event["data"]["job"] == taken["id"])
    event: Any = Webhook(local["callback_secret"]).verify(body, dict(headers))
    assert event["type"] == "job.completed" and event["data"]["metadata"] == {"sku": "p-1"}
    job = api.finish(taken["id"])
    (output,) = job["outputs"]
    picture = httpx.get(output["url"], timeout=30)
    assert picture.status_code == 200 and len(picture.content) == output["bytes"]
    assert (output["width"], output["height"], output["content_type"]) == (700, 700, "image/jpeg")
    assert output["report"]["white_ok"] is True and output["report"]["fill"] >= 0.85
    assert job["credits"]["charged"] == 1
    assert api("GET", "account", 200)["credits"]["available"]["total"] == before - 1
    log = api("GET", f"jobs/{taken['id']}/deliveries", 200)["data"]
    (delivery,) = (one for one in log if one["target"] == "job")
    assert delivery["state"] == "delivered"
    api("POST", f"deliveries/{delivery['id']}/replay", 202)
    again, same = receiver.wait(lambda event: event["data"]["job"] == taken["id"])
    assert same == body and again["webhook-id"] == headers["webhook-id"]


def test_prefer_wait_holds_the_answer_on_both_doors(api: Api, asset: str, local: dict[str, Any]) -> None:
    wish = {"images": [asset], "preset": "luxury", "width": 512, "height": 640, "seed": 3}
    done = api("POST", "jobs", 200, json=wish, headers={"prefer": "wait=25"})
    assert done["state"] == "completed" and done["outputs"][0]["url"]
    with httpx.Client(
        base_url=local["sync_url"], headers={"authorization": f"Bearer {local['key']}"}, timeout=90
    ) as http:
        again = http.post("/packshot/v1/jobs", json=wish, headers={"prefer": "wait=60"})
        assert again.status_code == 200, again.text
        assert again.json()["outputs"][0]["sha256"] == done["outputs"][0]["sha256"]
        assert http.get(f"/packshot/v1/jobs/{done['id']}").json()["id"] == done["id"]


def test_the_webhook_path(api: Api) -> None:
    taken = api("POST", "jobs", 202, json={**PROVIDER, "prompt": "a green bottle"})
    job = api.finish(taken["id"])
    assert job["state"] == "completed" and job["outputs"][0]["simulated"] is True
    assert (job["outputs"][0]["width"], job["outputs"][0]["content_type"]) == (1024, "image/png")
    assert job["attempts"][0]["polls"] == 0 and job["credits"]["charged"] == 3


def test_a_photo_goes_to_the_provider_as_our_own_copy(api: Api, asset: str) -> None:
    taken = api("POST", "jobs", 202, json={**PROVIDER, "images": [asset], "preset": "lifestyle"})
    assert api.finish(taken["id"])["state"] == "completed"


def test_the_poll_path(api: Api) -> None:
    taken = api("POST", "jobs", 202, json={**PROVIDER, "prompt": "a red cup [[sim:webhook=none]]"})
    job = api.finish(taken["id"], 90)
    assert job["state"] == "completed" and job["attempts"][0]["outcome"] == "succeeded"


def test_the_sweep_path(api: Api, aws: Callable[[str], Any], outputs: dict[str, str]) -> None:
    """The webhook is off and no poller can start: its lease is taken by nobody."""
    lease = {"pk": {"S": "lane#replicate"}, "sk": {"S": "poller"}, "v": {"N": "1"}}
    until = {"until": {"N": str(int(time.time() * 1000) + 600_000)}}
    aws("dynamodb").put_item(TableName=outputs["TableName"], Item={**lease, **until})
    time.sleep(6)  # what a poller that still runs would need to see that its lane is empty
    try:
        taken = api(
            "POST", "jobs", 202, json={**PROVIDER, "prompt": "a blue vase [[sim:webhook=none]] [[sim:slow=12]]"}
        )
        job = api.finish(taken["id"], 180)
        assert job["state"] == "completed"
    finally:
        aws("dynamodb").put_item(TableName=outputs["TableName"], Item={**lease, "until": {"N": "0"}})


def test_a_refused_prompt_costs_nothing(api: Api) -> None:
    before = api("GET", "account", 200)["credits"]["available"]["total"]
    taken = api("POST", "jobs", 202, json={**PROVIDER, "prompt": "something [[sim:moderated]]"})
    job = api.finish(taken["id"])
    assert job["state"] == "failed" and job["error"]["code"] == "content_refused"
    assert api("GET", "account", 200)["credits"]["available"]["total"] == before


def test_the_upload_path(local: dict[str, Any], aws: Callable[[str], Any], outputs: dict[str, str]) -> None:
    s3, name = aws("s3"), f"perfume-{time.time_ns()}"
    s3.put_object(
        Bucket=outputs["UploadsBucket"],
        Key=f"inbox/{local['account']}/studio/{name}.jpg",
        Body=PHOTO,
        Metadata={"ratio": "4:5"},
    )
    prefix, end = f"outbox/{local['account']}/studio/{name}/", time.monotonic() + 60
    while not (found := s3.list_objects_v2(Bucket=outputs["OutputsBucket"], Prefix=prefix).get("Contents")):
        assert time.monotonic() < end
        time.sleep(0.5)
    assert [one["Key"] for one in found] == [f"{prefix}1.jpg"]


def test_a_large_picture_goes_straight_to_the_bucket(api: Api) -> None:
    ticket = api("POST", "assets", 201, json={"content_type": "image/jpeg", "bytes": len(PHOTO), "filename": "p.jpg"})
    sent = httpx.post(ticket["url"], data=ticket["fields"], files={"file": PHOTO}, timeout=30)
    assert sent.status_code in (200, 201, 204), sent.text
    done = api(
        "POST",
        "jobs",
        200,
        json={"images": [ticket["asset"]["id"]], "width": 512, "height": 512},
        headers={"prefer": "wait=25"},
    )
    assert done["state"] == "completed"


def test_an_endpoint_is_made_tested_rotated_and_forgotten(api: Api, receiver: Receiver) -> None:
    made = api("POST", "callback-endpoints", 201, json={"url": receiver.url, "events": ["job.completed"]})
    assert made["secret"].startswith("whsec_")
    api("POST", f"callback-endpoints/{made['id']}/test", 202)
    headers, body = receiver.wait(lambda event: event["type"] == "ping")
    Webhook(made["secret"]).verify(body, dict(headers))
    rotated = api("POST", f"callback-endpoints/{made['id']}/rotate", 200, json={"overlap_seconds": 600})
    api("POST", f"callback-endpoints/{made['id']}/test", 202)
    headers, body = receiver.wait(lambda event: event["type"] == "ping")
    for secret in (made["secret"], rotated["secret"]):
        Webhook(secret).verify(body, dict(headers))
    assert api("GET", "callback-endpoints", 200)["data"][-1]["secret"] is None
    assert api("DELETE", f"callback-endpoints/{made['id']}").status_code == 204


def test_a_callback_that_fails_comes_again(api: Api, asset: str, receiver: Receiver) -> None:
    receiver.status.append(500)
    taken = api(
        "POST", "jobs", 202, json={"images": [asset], "width": 512, "height": 512, "callback_url": receiver.url}
    )
    first, body = receiver.wait(lambda event: event["data"]["job"] == taken["id"])
    second, same = receiver.wait(lambda event: event["data"]["job"] == taken["id"], 40)
    assert same == body and first["webhook-id"] == second["webhook-id"]


def test_a_test_key_spends_nothing(asset: str, local: dict[str, Any]) -> None:
    with httpx.Client(
        base_url=local["api_url"], headers={"authorization": f"Bearer {local['test_key']}"}, timeout=60
    ) as http:
        done = http.post(
            "/packshot/v1/jobs", json={"images": [asset], "width": 512, "height": 512}, headers={"prefer": "wait=25"}
        )
        assert done.status_code == 200 and done.json()["credits"]["charged"] == 0


BAD = [
    ("POST", "jobs", b"{", 400, "malformed_json", None),
    ("POST", "jobs", b'{"prompt":"x","nope":1}', 422, "unknown_field", "nope"),
    ("POST", "jobs", b'{"count":"2"}', 422, "invalid_field", "count"),
    ("POST", "jobs", b'{"count":11}', 422, "invalid_field", "count"),
    ("POST", "jobs", b'{"model":"nope","prompt":"x"}', 422, "unknown_model", "model"),
    ("POST", "jobs", b'{"preset":"nope","images":["https://example.com/a.jpg"]}', 422, "unknown_preset", "preset"),
    ("POST", "jobs", b'{"images":["as_01m7xpe600cegmmkrrp3f9vb38"]}', 422, "unknown_asset", "images[0]"),
    ("POST", "jobs", b'{"images":["https://10.0.0.1/a.jpg"]}', 422, "invalid_field", "images[0]"),
    ("POST", "jobs", b'{"images":["https://169.254.169.254/latest"]}', 422, "invalid_field", "images[0]"),
    ("POST", "jobs", b'{"images":["http://127.0.0.1:4566/a.jpg"]}', 422, "invalid_field", "images[0]"),
    ("POST", "jobs", b'{"images":["data:image/png;base64,PHN2Zy8+"]}', 422, "invalid_field", "images[0]"),
    ("POST", "jobs", b'{"model":"studio","prompt":"only words"}', 422, "unsupported_by_model", "images"),
    (
        "POST",
        "jobs",
        b'{"model":"nanobanana2","prompt":"x","seed":1,"aspect_ratio":"1:1"}',
        422,
        "unsupported_by_model",
        "seed",
    ),
    ("PUT", "jobs", b"{}", 405, "method_not_allowed", None),
    ("POST", "nothing", b"{}", 404, "not_found", None),
    ("GET", "jobs/job_01m7xpe600cegmmkrrp3f9vb38", None, 404, "not_found", None),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code", "field"), BAD)
def test_bad_input_gets_a_precise_error(
    api: Api, method: str, path: str, body: bytes | None, status: int, code: str, field: str | None
) -> None:
    answer = api(method, path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"], answer.json().get("field")) == (status, code, field), answer.text
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "missing_api_key"),
        ({"authorization": "Bearer nope"}, "invalid_api_key"),
        ({"authorization": "Bearer pk_live_0000000000_" + "0" * 38}, "invalid_api_key"),
        ({"x-api-key": "pk_live"}, "missing_api_key"),
    ],
)
def test_no_key_and_bad_keys_are_401(local: dict[str, Any], header: dict[str, str], code: str) -> None:
    for method, path in (("GET", "jobs"), ("POST", "jobs")):
        answer = httpx.request(
            method, f"{local['api_url']}/packshot/v1/{path}", headers=header, json={} if method == "POST" else None
        )
        assert (answer.status_code, answer.json()["code"]) == (401, code)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:8600/nothing-here.jpg", "image_url_status"),
        ("http://127.0.0.1:8699/a.jpg", "image_url_unreachable"),
        ("http://127.0.0.1:8600/", "image_url_not_a_picture"),
    ],
)
def test_an_address_that_gives_no_picture_fails_the_job_and_costs_nothing(api: Api, url: str, code: str) -> None:
    before = api("GET", "account", 200)["credits"]["available"]["total"]
    done = api("POST", "jobs", 200, json={"images": [url]}, headers={"prefer": "wait=25"})
    assert (done["state"], done["error"]["code"]) == ("failed", code)
    assert done["error"]["message"].startswith("images[0]")
    assert api("GET", "account", 200)["credits"]["available"]["total"] == before


def test_the_document_is_public_and_describes_what_is_there(local: dict[str, Any]) -> None:
    document = httpx.get(f"{local['api_url']}/packshot/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1") and "/packshot/v1/jobs" in document["paths"]


def test_lists_go_on_where_they_stopped(api: Api) -> None:
    first = api("GET", "jobs?limit=2", 200)
    second = api("GET", f"jobs?limit=2&cursor={first['next_cursor']}", 200)
    assert not {job["id"] for job in first["data"]} & {job["id"] for job in second["data"]}
    assert all(job["state"] == "completed" for job in api("GET", "jobs?state=completed&limit=5", 200)["data"])


def test_a_flood_is_slowed_with_the_time_to_wait(
    local: dict[str, Any], aws: Callable[[str], Any], outputs: dict[str, str]
) -> None:
    """The test key's bucket is set to full by hand: what follows is refused without a write."""
    kid = local["test_key"].split("_")[2]
    tat = int((time.time() + 120) * 1e6)
    aws("dynamodb").put_item(
        TableName=outputs["TableName"],
        Item={"pk": {"S": f"rate#{kid}"}, "sk": {"S": "write"}, "v": {"N": "1"}, "tat": {"N": str(tat)}},
    )
    answer = httpx.post(
        f"{local['api_url']}/packshot/v1/quotes",
        json={"count": 1},
        headers={"authorization": f"Bearer {local['test_key']}"},
    )
    assert answer.status_code == 429 and 1 <= int(answer.headers["retry-after"]) <= 120
    assert "ratelimit" in answer.headers and json.loads(answer.text)["code"] == "rate_limited"
    aws("dynamodb").delete_item(TableName=outputs["TableName"], Key={"pk": {"S": f"rate#{kid}"}, "sk": {"S": "write"}})


def test_the_books_are_straight(local: dict[str, Any]) -> None:
    """Runs last in this file: after everything above, every balance is what its rows say."""
    import os
    import subprocess

    from tests.e2e.conftest import ROOT

    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": local["endpoint_url"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    checked = subprocess.run(
        [ROOT / ".venv/bin/packshot-admin", "--stack-name", "packshot-local", "verify-ledger", "--all"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
