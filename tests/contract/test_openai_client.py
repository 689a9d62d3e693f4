"""The official OpenAI client against our dialect of the Images API, in one process.

Its transport hands each request to `dialect.read`, a made-up answer to `dialect.write`, and an error to
`dialect.write_error`; what the client then gives its caller is what counts.
"""

import base64
from collections.abc import Callable, Iterator

import httpx2
import openai
import pytest

from packshot import answers as a
from packshot import wishes as w
from packshot.brief import Brief, Image
from packshot.dialects import openai_images
from packshot.errors import CallerError, PackshotError, Unavailable
from packshot.job import Call, Credits, Failure, Job, Output, State, Step
from packshot.wire import Request

KEY = "pk_live_x"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
JPEG = b"\xff\xd8\xff" + bytes(8)
PICTURE = b"RIFF\x04\x00\x00\x00WEBP"

Answering = Callable[[w.Wish], a.Answer]


class World:
    """What the client talks to: `seen` are the wishes that arrived, `tries` counts requests."""

    def __init__(self, answering: Answering | PackshotError | None) -> None:
        self.answering = answering
        self.seen: list[w.Wish] = []
        self.tries = 0

    def __call__(self, sent: httpx2.Request) -> httpx2.Response:
        self.tries += 1
        headers = {name.lower(): value for name, value in sent.headers.items()}
        request = Request(sent.method, sent.url.path, headers, sent.read(), dict(sent.url.params))
        dialect = openai_images.dialect
        try:
            if dialect.key_of(request) != KEY:
                raise CallerError("invalid_api_key", "nobody's")
            wish = dialect.read(request)
            self.seen.append(wish)
            if self.answering is None or isinstance(self.answering, PackshotError):
                raise self.answering or RuntimeError
            response = dialect.write(wish, self.answering(wish), request)
        except PackshotError as error:
            response = dialect.write_error(error, "req_1", request)
        except RuntimeError:
            response = dialect.write_error(None, "req_1", request)
        sent_back = {**response.headers, "x-request-id": "req_1"}
        return httpx2.Response(response.status, headers=sent_back, content=response.body)

    def submit(self) -> w.Submit:
        """The one wish that arrived."""
        (wish,) = self.seen
        assert isinstance(wish, w.Submit)
        return wish


Talk = Callable[..., tuple[openai.OpenAI, World]]


@pytest.fixture
def talk() -> Iterator[Talk]:
    """Makes a client, and the world it talks to."""
    clients: list[openai.OpenAI] = []

    def start(
        answering: Answering | PackshotError | None = None, *, key: str = KEY, retries: int = 0
    ) -> tuple[openai.OpenAI, World]:
        world = World(answering)
        transport = httpx2.Client(transport=httpx2.MockTransport(world))
        client = openai.OpenAI(api_key=key, base_url="http://x/v1", http_client=transport, max_retries=retries)
        clients.append(client)
        return client, world

    yield start
    for client in clients:
        client.close()


def job(wish: w.Submit, state: State, failure: Failure | None = None, outputs: tuple[Output, ...] = ()) -> Job:
    brief = wish.brief
    return Job(
        id="job_1",
        account="acc_1",
        model=brief.model or "studio",
        operation=brief.operation,
        state=state,
        version=2,
        created=1_795_248_000_000,
        updated=1_795_248_009_000,
        deadline=1_795_248_600_000,
        count=brief.count,
        price=1,
        reserved=Credits(brief.count),
        routes=(),
        calls=(Call(0, brief.count, Step.DONE),),
        charged=Credits(len(outputs)),
        outputs=outputs,
        failure=failure,
        finished=1_795_248_009_400,
    )


def done(wish: w.Wish) -> a.Answer:
    """As many pictures as were asked for, made."""
    assert isinstance(wish, w.Submit)
    brief = wish.brief
    size = brief.width or 1024, brief.height or 1024
    outputs = tuple(
        Output(f"out/acc_1/job_1/{n:02}.png", *size, len(PICTURE), "0" * 64, "image/png") for n in range(brief.count)
    )
    data = PICTURE if brief.delivery == "bytes" else None
    views = tuple(a.OutputView(output, f"https://pictures.example/{n}", 1, data) for n, output in enumerate(outputs))
    return a.JobView(job(wish, State.COMPLETED, outputs=outputs), brief, views, fresh=True)


def ended(state: State, code: str | None = None) -> Answering:
    """A job without pictures."""

    def answering(wish: w.Wish) -> a.Answer:
        assert isinstance(wish, w.Submit)
        return a.JobView(job(wish, state, Failure(code, "images[0]: no.") if code else None), wish.brief, fresh=True)

    return answering


# ------------------------------------------------------------------------------------------------------- pictures


def test_generate(talk: Talk) -> None:
    client, world = talk(done)
    found = client.images.generate(prompt="A mug", model="gpt-image-2", n=2, size="1536x1024", quality="high")
    assert found.data is not None and [base64.b64decode(one.b64_json or "") for one in found.data] == [PICTURE] * 2
    assert (found.created, found.size, found.quality, found.output_format) == (1795248009, "1536x1024", "high", "png")
    assert found.usage is None and found.background is None
    wish = world.submit()
    assert (wish.wait, wish.final) == (600, True)
    assert wish.brief == Brief(
        "generate",
        "gpt-image-2",
        prompt="A mug",
        count=2,
        width=1536,
        height=1024,
        detail="high",
        format="png",
        delivery="bytes",
        dialect="openai_images",
    )


def test_generate_with_addresses(talk: Talk) -> None:
    client, _ = talk(done)
    found = client.images.generate(prompt="A mug", response_format="url", output_format="jpeg", output_compression=70)
    assert found.data is not None and found.data[0].url == "https://pictures.example/0"
    assert (found.output_format, found.background) == ("jpeg", "opaque")


def test_edit_one_picture(talk: Talk) -> None:
    client, world = talk(done)
    found = client.images.edit(image=("mug.jpg", JPEG), prompt="On marble", model="studio", stream=False)
    assert found.data is not None and len(found.data) == 1
    wish = world.submit()
    assert wish.inline == (w.Inline(0, JPEG),)
    assert (wish.brief.operation, wish.brief.model, wish.brief.aspect_ratio) == ("generate", "studio", "auto")
    assert "prompt" not in wish.lenient  # the studio reads it, as far as it knows the words


def test_edit_several_pictures_with_a_mask(talk: Talk) -> None:
    client, world = talk(done)
    client.images.edit(
        image=[("a.png", PNG), ("b.jpg", JPEG)],
        mask=("mask.png", PNG),
        prompt="A bow, wrapped \u2013 in r\u00f6t",
        n=2,
        size="1024x1024",
        background="auto",
        output_format="webp",
        output_compression=60,
        input_fidelity="high",
        quality="low",
        user="user-1",
    )
    wish = world.submit()
    assert wish.inline == (w.Inline(0, PNG), w.Inline(1, JPEG), w.Inline(2, PNG))
    assert wish.brief == Brief(
        "inpaint",
        "",
        prompt="A bow, wrapped \u2013 in r\u00f6t",
        images=(Image("asset", "inline"), Image("asset", "inline"), Image("asset", "inline", "mask")),
        count=2,
        width=1024,
        height=1024,
        detail="low",
        mask_kind="transparent",
        quality=60,
        format="webp",
        delivery="bytes",
        dialect="openai_images",
    )
    assert wish.lenient == {"detail", "quality"}


def test_several_pictures_without_a_mask_are_an_edit(talk: Talk) -> None:
    client, world = talk(done)
    client.images.edit(image=[PNG, JPEG], prompt="Side by side")
    brief = world.submit().brief
    assert (brief.operation, len(brief.images), brief.mask_kind) == ("edit", 2, "white")


# --------------------------------------------------------------------------------------------------------- models


def test_models(talk: Talk) -> None:
    client, _ = talk(lambda _: a.Catalogue(({"id": "studio"}, {"id": "gpt-image-1.5"})))
    models = client.models.list()
    assert [model.id for model in models] == ["studio", "gpt-image-1.5"]
    assert {model.object for model in models} == {"model"}
    assert client.models.retrieve("gpt-image-1.5").owned_by == "packshot"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-9")
    assert caught.value.code == "model_not_found"


# --------------------------------------------------------------------------------------------------------- errors


def test_a_wrong_key(talk: Talk) -> None:
    client, world = talk(done, key="sk-nobody")
    with pytest.raises(openai.AuthenticationError) as caught:
        client.images.generate(prompt="A mug")
    assert (caught.value.code, caught.value.type) == ("invalid_api_key", "invalid_request_error")
    assert caught.value.request_id == "req_1"
    assert not world.seen


@pytest.mark.parametrize(
    ("error", "kind", "code", "param"),
    [
        (CallerError("rate_limited", "x", retry_after=3), openai.RateLimitError, "rate_limit_exceeded", None),
        (CallerError("insufficient_credits", "x"), openai.RateLimitError, "insufficient_quota", None),
        (CallerError("scope_missing", "x"), openai.PermissionDeniedError, "insufficient_permissions", None),
        (CallerError("unknown_model", "x", field="model"), openai.NotFoundError, "model_not_found", "model"),
        (
            CallerError("unsupported_by_model", "x", field="images"),
            openai.BadRequestError,
            "unsupported_value",
            "image",
        ),
        (CallerError("invalid_field", "x", field="images[0]"), openai.BadRequestError, "invalid_value", "image"),
        (Unavailable("table"), openai.InternalServerError, None, None),
        (None, openai.InternalServerError, None, None),
    ],
)
def test_an_error_of_the_core(
    talk: Talk, error: PackshotError | None, kind: type[openai.APIStatusError], code: str | None, param: str | None
) -> None:
    client, _ = talk(error)
    with pytest.raises(kind) as caught:
        client.images.generate(prompt="A mug")
    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize(
    ("state", "failure", "kind", "code"),
    [
        (State.FAILED, "content_refused", openai.BadRequestError, "moderation_blocked"),
        (State.FAILED, "image_too_large", openai.BadRequestError, "invalid_image"),
        (State.FAILED, "provider_failed", openai.InternalServerError, None),
        (State.CANCELED, None, openai.InternalServerError, None),
    ],
)
def test_a_job_that_failed(
    talk: Talk, state: State, failure: str | None, kind: type[openai.APIStatusError], code: str | None
) -> None:
    client, _ = talk(ended(state, failure))
    with pytest.raises(kind) as caught:
        client.images.generate(prompt="A mug")
    assert caught.value.code == code


def test_what_is_not_served(talk: Talk) -> None:
    client, world = talk(done)
    with pytest.raises(openai.BadRequestError, match="Streaming") as caught:
        client.images.generate(prompt="A mug", stream=True)
    assert caught.value.param == "stream"
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(image=PNG, prompt="A mug", size="256x256")
    assert caught.value.param == "size"
    with pytest.raises(openai.BadRequestError, match="retired"), pytest.warns(DeprecationWarning):
        client.images.create_variation(image=PNG)
    assert not world.seen


def test_a_mask_is_a_small_png(talk: Talk) -> None:
    client, _ = talk(done)
    for mask in (JPEG, PNG + bytes(4_000_000)):
        with pytest.raises(openai.BadRequestError) as caught:
            client.images.edit(image=PNG, mask=mask, prompt="A bow")
        assert caught.value.param == "mask"


def test_a_body_may_not_be_too_large(talk: Talk) -> None:
    client, _ = talk(done)
    with pytest.raises(openai.APIStatusError) as caught:
        client.images.edit(image=PNG + bytes(6_000_000), prompt="A bow")
    assert caught.value.status_code == 413


@pytest.mark.parametrize(
    ("answering", "tries"),
    [(CallerError("insufficient_credits", "x"), 1), (ended(State.CANCELED), 1), (ended(State.FAILED, "provider_x"), 2)],
)
def test_the_client_repeats_only_what_may_help(
    talk: Talk, answering: Answering | PackshotError, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    client, world = talk(answering, retries=1)
    with pytest.raises(openai.APIStatusError):
        client.images.generate(prompt="A mug")
    assert world.tries == tries
