"""Events: the same fact, the same bytes; what is in them is what their schemas say, and nothing that must stay out."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from referencing import Registry, Resource

import packshot
from packshot import events
from packshot.job import Call, Credits, Failure, Job, Output, Route, State
from packshot.wire import dump

SCHEMAS = {
    path.stem: json.loads(path.read_text())
    for path in (Path(packshot.__file__).parent / "schemas" / "events").glob("*.json")
}
REGISTRY: Registry[Any] = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()
)
API = "https://api.example/"
AT = 1_767_323_045_007
TAIL = "01h" + "z" * 23
OUTPUT = Output("out/acc_1/j/00-ab.jpg", 1024, 768, 4242, "ab" * 32, "image/jpeg")
JOB = Job(
    id=f"job_{TAIL}", account="acc_1", model="studio", operation="generate", state=State.PENDING, version=1, created=AT,
    updated=AT, deadline=AT + 60_000, count=2, price=3, reserved=Credits(4, 2), routes=(Route("studio", "studio"),),
    calls=(Call(0, 2),), external_id="sku-1",
)  # fmt: skip
METADATA = {"shop": "b", "a": "ü"}


def finished(state: State, outputs: int, failure: Failure | None = None) -> Job:
    charged = Credits(0, 0) if not outputs else Credits(3 * outputs if outputs == 1 else 4, 0 if outputs == 1 else 2)
    made = tuple(replace(OUTPUT, key=f"{OUTPUT.key}{index}") for index in range(outputs))
    return replace(
        JOB, state=state, version=9, updated=AT + 9, started=AT + 1, finished=AT + 9, outputs=made, charged=charged,
        failure=failure,
    )  # fmt: skip


WHY = Failure("content_refused", "The provider refused the prompt.")
RUNNING = replace(JOB, state=State.PROCESSING, version=2, started=AT + 1)
TOLD = {
    "job.created": JOB,
    "job.processing": RUNNING,
    "job.completed": finished(State.COMPLETED, 2),
    "job.partial": finished(State.PARTIAL, 1, WHY),
    "job.failed": finished(State.FAILED, 0, WHY),
    "job.canceled": finished(State.CANCELED, 0),
}


def tell(job: Job, type: str) -> dict[str, Any]:
    return events.event_of(job, metadata=METADATA, type=type, api_url=API)


ALL = {type: tell(job, type) for type, job in TOLD.items()} | {
    events.PING: events.ping("acc_1", "ep_1", nonce="00ff", at=AT),
    events.UPLOAD_REJECTED: events.upload_rejected(
        "acc_1", "in/a b_c.gif:v1", key="in/a b_c.gif", code="not_a_picture", message="No.", at=AT
    ),
    events.ENDPOINT_DISABLED: events.endpoint_disabled(
        "acc_1", "ep_1", url="https://a.example/", reason="gone", cause="dlv_x_completed_ep_1", at=AT
    ),
}


def test_every_event_has_a_schema_and_every_schema_an_event() -> None:
    assert set(ALL) | {"job"} == set(SCHEMAS)
    assert {*events.OF_JOBS} == set(TOLD)


@pytest.mark.parametrize("type", sorted(ALL))
def test_an_event_is_what_its_schema_says(type: str) -> None:
    assert validator_for(SCHEMAS[type]) is Draft202012Validator
    Draft202012Validator.check_schema(SCHEMAS[type])
    Draft202012Validator(SCHEMAS[type], registry=REGISTRY).validate(json.loads(dump(ALL[type])))


@pytest.mark.parametrize("type", sorted(ALL))
def test_a_schema_tells_events_apart(type: str) -> None:
    validator = Draft202012Validator(SCHEMAS[type], registry=REGISTRY)
    assert [other for other, event in ALL.items() if validator.is_valid(event)] == [type]


def paths(value: Any, schema: Any, at: str = "") -> Iterator[str]:
    """Where a value holds a field that its schema does not describe."""
    schema = SCHEMAS["job"]["$defs"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    schema = next((paths_of for paths_of in schema.get("oneOf", ()) if "$ref" in paths_of), schema)
    if "$ref" in schema:
        yield from paths(value, schema, at)
    elif isinstance(value, dict) and "additionalProperties" not in schema:
        for name, item in value.items():
            described = schema.get("properties", {}).get(name)
            if described is None:
                yield f"{at}.{name}"
            else:
                yield from paths(item, described, f"{at}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, schema["items"], f"{at}[]")


@pytest.mark.parametrize("type", sorted(ALL))
def test_no_field_is_undocumented(type: str) -> None:
    assert not list(paths(ALL[type], SCHEMAS["job"] if type in TOLD else SCHEMAS[type]))


def test_one_event_in_full() -> None:
    assert tell(TOLD["job.partial"], "job.partial") == {
        "id": f"evt_{TAIL}_partial",
        "type": "job.partial",
        "created": "2026-01-02T03:04:05.016Z",
        "sequence": 3,
        "data": {
            "job": f"job_{TAIL}", "account": "acc_1", "state": "partial", "operation": "generate", "model": "studio",
            "test": False, "external_id": "sku-1", "metadata": {"a": "ü", "shop": "b"}, "count": 2,
            "outputs": [{
                "index": 0, "key": "out/acc_1/j/00-ab.jpg0", "width": 1024, "height": 768, "bytes": 4242,
                "sha256": "ab" * 32, "content_type": "image/jpeg", "simulated": False,
            }],
            "credits": {"reserved": 6, "charged": 3, "refunded": 3},
            "error": {"code": "content_refused", "message": "The provider refused the prompt."},
            "created": "2026-01-02T03:04:05.007Z",
            "started": "2026-01-02T03:04:05.008Z",
            "finished": "2026-01-02T03:04:05.016Z",
            "url": f"https://api.example/packshot/v1/jobs/job_{TAIL}",
        },
    }  # fmt: skip


def test_what_happened_later_does_not_show() -> None:
    over = TOLD["job.completed"]
    assert tell(over, "job.created") == tell(JOB, "job.created")
    assert tell(over, "job.processing") == tell(RUNNING, "job.processing")
    leaked = replace(over, version=12, updated=AT + 99)
    assert dump(tell(leaked, "job.completed")) == dump(tell(over, "job.completed"))
    shuffled = dict(reversed(METADATA.items()))
    assert dump(events.event_of(over, metadata=shuffled, type="job.completed", api_url=API[:-1])) == dump(
        tell(over, "job.completed")
    )


def test_a_jobs_events_have_ids_of_their_own_and_grow() -> None:
    told = [tell(TOLD["job.completed"], type) for type in ("job.created", "job.processing", "job.completed")]
    assert len({event["id"] for event in told}) == 3
    assert [event["sequence"] for event in told] == [1, 2, 3]


@pytest.mark.parametrize(
    ("job", "type"),
    [
        (JOB, "job.processing"),
        (JOB, "job.completed"),
        (RUNNING, "job.failed"),
        (TOLD["job.failed"], "job.completed"),
        (JOB, "job.pending"),
        (JOB, "ping"),
        (JOB, ""),
    ],
)
def test_what_did_not_happen_is_not_told(job: Job, type: str) -> None:
    assert not events.happened(job, type)
    with pytest.raises(ValueError, match="no event"):
        tell(job, type)


def test_two_uploads_never_share_an_event() -> None:
    ids = [
        events.upload_rejected("acc", upload, key="k", code="c", message="m", at=AT)["id"]
        for upload in ("a_b:1", "c_b:1", "a_b:2")
    ]
    assert len(set(ids)) == 3
