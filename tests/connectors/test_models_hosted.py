"""Hosted models, through LiteLLM against a real server that speaks OpenAI's API and misbehaves on demand."""

import asyncio
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytest_httpserver import HTTPServer

from connectors.models.hosted import Models, prices
from connectors.models.sdk import litellm
from domain.ports import Answer, BadAnswer, ModelRefused, ModelUnavailable, Question, Tool
from domain.tokens import input_tokens_max
from schemas.errors import Rejected, Unavailable
from schemas.events import Message, ToolCall
from tests.models.running import ModelServer, model_server

ROOT = Path(__file__).parents[2]
MODEL = "openai/gpt-4o-mini"
KEY = "sk-a-key-that-nobody-may-see"
SECRET = "Maria Musterfrau's diagnosis"
SAID = [Message(role="system", content="Be brief."), Message(role="user", content=f"Hello, {SECRET}?")]
SCHEMA = '{"type":"object","properties":{"label":{"enum":["a","b"]}},"required":["label"],"additionalProperties":false}'
TOOL = Tool(
    name="lookup", description="Looks up.", parameters='{"type":"object","properties":{"id":{"type":"integer"}}}'
)

pytestmark = pytest.mark.filterwarnings("ignore")  # LiteLLM's own; ours are errors in every other file


@pytest.fixture(scope="module")
def running() -> Iterator[ModelServer]:
    with model_server(latency_ms=1, prices={"gpt-4o-mini": (150_000, 600_000)}) as server:
        yield server


@pytest.fixture
def server(running: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    yield running
    running.forget()


@pytest.fixture
def models(server: ModelServer) -> Models:
    return Models(api_base=server.endpoint)


def _question(model: str = MODEL, **more: Any) -> Question:
    given: dict[str, Any] = {"messages": SAID, "max_tokens": 50, "idempotency_key": "call-1", "timeout_s": 5.0}
    return Question(model=model, **(given | more))


async def _failed(models: Models, model: str, **more: Any) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable, match=f"^openai/{model}: ") as failed:
        await models.ask(_question(f"openai/{model}", **more))
    return failed.value


async def test_an_answer_comes_with_its_usage_its_end_and_its_model(server: ModelServer, models: Models) -> None:
    server.script("gpt-4o-mini", answer="Hi.")

    answer = await models.ask(_question())

    assert answer == Answer(text="Hi.", input_tokens=18, output_tokens=1, model="gpt-4o-mini")


async def test_what_an_answer_takes_is_what_the_provider_bills(server: ModelServer, models: Models) -> None:
    answer = await models.ask(_question())

    booked = server.calls()[0]
    assert (answer.input_tokens, answer.output_tokens) == (booked["input_tokens"], booked["output_tokens"])
    assert booked["billed"]


async def test_the_server_is_sent_model_messages_limit_and_key_of_the_call(server: ModelServer, models: Models) -> None:
    await models.ask(_question())

    sent = server.calls()[0]
    assert (sent["body"]["model"], sent["body"]["max_tokens"]) == ("gpt-4o-mini", 50)
    assert sent["body"]["messages"] == [{"role": each.role, "content": each.content} for each in SAID]
    assert sent["idempotency_key"] == "call-1"


async def test_an_answer_longer_than_asked_for_is_cut_and_says_so(models: Models) -> None:
    assert (await models.ask(_question(max_tokens=2))).finish == "length"


async def test_questions_one_after_another_use_one_connection_whatever_time_they_are_given(
    server: ModelServer, models: Models
) -> None:
    for number in range(5):
        await models.ask(_question(timeout_s=1.0 + number / 7))

    assert len({each["connection"] for each in server.calls()}) == 1


async def test_pieces_of_a_stream_are_said_as_they_come_and_make_the_answer(models: Models) -> None:
    pieces: list[str] = []

    streamed = await models.ask(_question(on_text=pieces.append))

    assert streamed == await models.ask(_question())
    assert (len(pieces), "".join(pieces)) == (4, streamed.text)


async def test_who_listens_may_end_a_stream(models: Models) -> None:
    def listen(_: str) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        await models.ask(_question(on_text=listen))


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_tool_is_offered_called_and_answered(server: ModelServer, models: Models, streamed: bool) -> None:
    listening = {"on_text": lambda _: None} if streamed else {}
    wanted = await models.ask(_question(tools=[TOOL], **listening))

    assert wanted.tool_calls == (ToolCall(id="call_1", name="lookup", arguments='{"id":1}'),)
    assert (wanted.text, wanted.finish) == ("", "tool_calls")

    said = Message(role="assistant", content="", tool_calls=list(wanted.tool_calls))
    result = Message(role="tool", content="42", tool_call_id="call_1", name="lookup")
    answer = await models.ask(_question(tools=[TOOL], messages=[*SAID, said, result], **listening))

    assert answer.finish == "stop"
    assert not [name for each in server.calls() for name in each["body"] if name.startswith("_")]
    assert [each["role"] for each in server.calls()[-1]["body"]["messages"]] == ["system", "user", "assistant", "tool"]


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_by_a_schema_fits_it(models: Models, streamed: bool) -> None:
    answer = await models.ask(_question(answer_schema=SCHEMA, on_text=(lambda _: None) if streamed else None))

    assert msgspec.json.decode(answer.text) == {"label": "a"}


async def test_images_are_sent_beside_the_text(server: ModelServer, models: Models) -> None:
    images = ["data:image/png;base64,AAAA", "https://images.example/1.png"]
    await models.ask(_question(messages=[Message(role="user", content="What is it?", images=images)]))

    parts = server.calls()[0]["body"]["messages"][0]["content"]
    assert [each["type"] for each in parts] == ["text", "image_url", "image_url"]
    assert [each["image_url"]["url"] for each in parts[1:]] == images


@pytest.mark.parametrize(
    ("model", "image"),
    [
        (MODEL, "http://127.0.0.1/x.png"),
        (MODEL, "file:///etc/passwd"),
        ("ollama/llava", "https://images.example/1.png"),
    ],
)
async def test_no_image_is_fetched_from_here(models: Models, model: str, image: str) -> None:
    with pytest.raises(ModelRefused, match=f"^{model}: .*image"):
        await models.ask(_question(model, messages=[Message(role="user", content="?", images=[image])]))


@pytest.mark.parametrize(
    ("misdeed", "billed", "again"),
    [
        ("429", False, True),
        ("quota", False, False),
        ("500", False, True),
        ("503", False, True),
        ("reset", True, True),
        ("cut_body", True, True),
        ("wrong_json", True, True),
        ("html", True, True),
        ("no_choices", True, True),
        ("silent", True, True),
    ],
)
async def test_an_attempt_that_got_no_answer_says_whether_it_may_be_billed_and_made_again(
    server: ModelServer, models: Models, misdeed: str, billed: bool, again: bool
) -> None:
    error = await _failed(models, f"m~{misdeed}", timeout_s=0.3)

    assert (error.billed, error.again) == (billed, again)
    assert [each["billed"] for each in server.calls()] == [billed], "once, and as the provider has it"
    assert SECRET not in str(error)
    assert KEY not in str(error)


@pytest.mark.parametrize("misdeed", ["cut_stream", "short_stream", "wrong_json", "no_choices", "reset", "429", "500"])
async def test_a_stream_that_ends_early_is_no_answer(server: ModelServer, models: Models, misdeed: str) -> None:
    error = await _failed(models, f"m~{misdeed}", on_text=lambda _: None)

    assert error.billed == server.calls()[0]["billed"]
    assert SECRET not in str(error)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("misdeed", ["400", "429", "reset", "wrong_json", "html", "cut_stream", "wrong_schema"])
async def test_no_log_and_no_traceback_holds_what_was_asked_or_the_key(
    models: Models, misdeed: str, streamed: bool, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    listen = (lambda _: None) if streamed else None
    traced = ""
    try:
        await models.ask(_question(f"openai/m~{misdeed}", answer_schema=SCHEMA, on_text=listen))
    except (ModelUnavailable, ModelRefused) as error:
        traced = "".join(traceback.format_exception(error))

    said = traced + caplog.text + "".join(capfd.readouterr())
    assert SECRET not in said
    assert KEY not in said


@pytest.mark.parametrize("misdeed", ["400", "401"])
async def test_a_call_that_the_server_will_never_take_is_refused_with_its_code(
    server: ModelServer, models: Models, misdeed: str
) -> None:
    code = {"400": "context_length_exceeded", "401": "invalid_api_key"}[misdeed]
    with pytest.raises(ModelRefused, match=f"^openai/m~{misdeed}: HTTP {misdeed} {code}$"):
        await models.ask(_question(f"openai/m~{misdeed}"))

    assert len(server.calls()) == 1


@pytest.mark.parametrize("status", [408, 502, 504, 524])
async def test_what_something_in_between_says_may_be_billed(
    httpserver: HTTPServer, server: ModelServer, status: int
) -> None:
    httpserver.expect_request("/v1/chat/completions").respond_with_data("no", status=status)

    with pytest.raises(ModelUnavailable, match=f"HTTP {status}$") as failed:
        await Models(api_base=httpserver.url_for("/v1")).ask(_question())

    assert failed.value.billed


@pytest.mark.parametrize(("said", "seconds"), [("2", 2.0), ("", None), ("soon", None)])
async def test_how_long_to_wait_is_what_the_provider_says(
    server: ModelServer, models: Models, said: str, seconds: float | None
) -> None:
    server.script("busy", misdeed={"name": "429", "retry_after": said})

    assert (await _failed(models, "busy")).retry_after_s == seconds


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("misdeed", "asked"),
    [("wrong_schema", {"answer_schema": SCHEMA}), ("wrong_arguments", {"tools": [TOOL]})],
)
async def test_an_answer_that_is_not_what_was_asked_for_is_billed_as_counted(
    server: ModelServer, models: Models, misdeed: str, asked: dict[str, Any], streamed: bool
) -> None:
    error = await _failed(models, f"m~{misdeed}", **asked, on_text=(lambda _: None) if streamed else None)

    booked = server.calls()[0]
    assert isinstance(error, BadAnswer)
    assert (error.billed, error.again) == (True, True)
    assert (error.input_tokens, error.output_tokens) == (booked["input_tokens"], booked["output_tokens"])


@pytest.mark.parametrize("more", [{"temperature": 0.0}, {"max_tokens": 1}])
async def test_what_would_go_wrong_the_same_way_is_not_asked_again(models: Models, more: dict[str, Any]) -> None:
    assert not (await _failed(models, "m~wrong_schema", answer_schema=SCHEMA, **more)).again


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_that_nobody_counted_is_bounded_from_above(
    server: ModelServer, models: Models, streamed: bool
) -> None:
    question = _question("openai/m~no_usage", on_text=(lambda _: None) if streamed else None)

    answer = await models.ask(question)

    booked = server.calls()[0]
    assert not answer.counted
    assert answer.input_tokens == input_tokens_max(question) >= booked["input_tokens"]
    assert answer.output_tokens == question.max_tokens >= booked["output_tokens"]


@pytest.mark.parametrize(
    "text", ["plain words", "Straße 7, Zürich", "日本語のテキスト", "🙂" * 40, "\x00\x01" * 30, " " * 99, "}{][" * 20]
)
def test_the_bound_is_above_what_a_real_vocabulary_counts(text: str) -> None:
    message = {"role": "user", "content": text}

    counted = litellm().token_counter(model="gpt-3.5-turbo", messages=[message])

    assert counted <= input_tokens_max(_question(messages=[Message(role="user", content=text)]))


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_slow_answer_ends_with_the_time_that_was_given(models: Models, streamed: bool) -> None:
    begun = time.monotonic()

    error = await _failed(models, "m~slow", timeout_s=0.2, on_text=(lambda _: None) if streamed else None)

    assert time.monotonic() - begun < 1.5
    assert error.billed


async def test_a_server_that_is_not_there_bills_nothing(server: ModelServer) -> None:
    error = await _failed(Models(api_base="http://127.0.0.1:1/v1"), "gpt-4o-mini")

    assert (str(error), error.billed) == (f"{MODEL}: no connection", False)


async def test_a_missing_key_is_named(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")

    with pytest.raises(ModelRefused, match=f"^{MODEL}: OPENAI_API_KEY is not set$"):
        await Models(api_base=server.endpoint).ask(_question())


async def test_a_key_from_the_settings_goes_before_the_environments(server: ModelServer) -> None:
    await Models(server.endpoint, {"openai": "sk-settings-1"}).ask(_question())

    assert server.calls()[0]["key"] == "ttings-1"


async def test_the_environments_key_never_goes_to_an_endpoint_that_a_question_names(server: ModelServer) -> None:
    await Models().ask(_question(endpoint=server.endpoint))
    await Models(keys={server.endpoint: "sk-of-this-one"}).ask(_question("some/model", endpoint=server.endpoint))

    assert [each["key"] for each in server.calls()] == ["rer none", "this-one"]
    assert [each["model"] for each in server.calls()] == ["gpt-4o-mini", "some/model"]


@pytest.mark.parametrize("endpoint", ["ftp://host/v1", "http://user:word@host/v1", "host/v1", "http://"])
async def test_an_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(ModelRefused, match=f"^{MODEL}: the endpoint") as refused:
        await Models().ask(_question(endpoint=endpoint))

    assert "word" not in str(refused.value).replace("password", "")


@pytest.mark.parametrize(
    "schema", ["[]", "{", '{"type": 3}', '{"$ref": "http://127.0.0.1/schema"}', '{"x":"' + "x" * 70_000 + '"}']
)
async def test_a_schema_that_cannot_be_checked_is_refused_before_anything_is_asked(
    server: ModelServer, models: Models, schema: str
) -> None:
    with pytest.raises(ModelRefused, match=f"^{MODEL}: "):
        await models.ask(_question(answer_schema=schema))

    assert not server.calls()


@pytest.mark.parametrize("model", ["nobody/nothing", "nothing"])
async def test_a_model_that_no_provider_has_is_refused(models: Models, model: str) -> None:
    with pytest.raises(ModelRefused, match=rf"^{model}: LiteLLM takes no such call"):
        await models.ask(_question(model))


@pytest.mark.parametrize("model", ["anthropic/claude-sonnet-4-5", "ollama/llama3", "ollama_chat/llama3"])
@pytest.mark.parametrize(("status", "kind"), [(400, ModelRefused), (429, ModelUnavailable), (529, ModelUnavailable)])
async def test_other_providers_errors_are_told_apart_by_what_they_answered(
    httpserver: HTTPServer, model: str, status: int, kind: type[Exception]
) -> None:
    error = {"error": {"type": "overloaded_error", "message": SECRET}}
    for path in ("/v1/messages", "/api/generate", "/api/chat"):
        httpserver.expect_request(path).respond_with_json(error, status=status, headers={"Retry-After": "3"})
    provider = Models(httpserver.url_for("").rstrip("/"), {model.partition("/")[0]: KEY})

    with pytest.raises(kind, match=f"^{model}: HTTP {status} overloaded_error$") as failed:
        await provider.ask(_question(model))

    assert len(httpserver.log) == 1
    if isinstance(failed.value, ModelUnavailable):
        assert (failed.value.billed, failed.value.retry_after_s) == (False, 3.0)


async def test_an_answer_of_anthropics_api_is_an_answer(httpserver: HTTPServer) -> None:
    said = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "Hi."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 7, "output_tokens": 2},
    }
    httpserver.expect_request("/v1/messages").respond_with_json(said)
    model = "anthropic/claude-sonnet-4-5"

    answer = await Models(httpserver.url_for("").rstrip("/"), {"anthropic": KEY}).ask(_question(model))

    assert (answer.text, answer.input_tokens, answer.output_tokens, answer.finish) == ("Hi.", 7, 2, "stop")


async def test_an_answer_of_ollamas_api_is_an_answer(httpserver: HTTPServer) -> None:
    said = {
        "model": "llama3",
        "message": {"role": "assistant", "content": "Hi."},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 7,
        "eval_count": 2,
    }
    httpserver.expect_request("/api/chat").respond_with_json(said)

    answer = await Models(httpserver.url_for("").rstrip("/")).ask(_question("ollama_chat/llama3"))

    assert (answer.text, answer.input_tokens, answer.output_tokens, answer.finish) == ("Hi.", 7, 2, "stop")


async def test_vectors_come_in_the_order_of_their_texts(server: ModelServer, models: Models) -> None:
    both = await models.embed(["one", "two"], "openai/text-embedding-3-small", idempotency_key="e-1")
    first, second = [await models.embed([text], "openai/text-embedding-3-small") for text in ("one", "two")]

    assert list(both.vectors) == [*first.vectors, *second.vectors]
    assert (both.input_tokens, both.counted, server.calls()[0]["idempotency_key"]) == (2, True, "e-1")


@pytest.mark.parametrize(
    ("misdeed", "kind"), [("no_choices", BadAnswer), ("429", ModelUnavailable), ("html", BadAnswer)]
)
async def test_vectors_that_do_not_come_are_one_failed_attempt(
    server: ModelServer, models: Models, misdeed: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=f"^openai/m~{misdeed}: "):
        await models.embed(["one"], f"openai/m~{misdeed}")

    assert len(server.calls()) == 1


@pytest.mark.parametrize("texts", [[], ["x"] * 257])
async def test_no_texts_and_too_many_get_no_vectors(models: Models, texts: Sequence[str]) -> None:
    with pytest.raises(ModelRefused, match="texts, not 1 to 256"):
        await models.embed(texts, "local-hash")


async def test_a_cancelled_question_leaves_its_connection(server: ModelServer, models: Models) -> None:
    asked = asyncio.create_task(models.ask(_question("openai/m~silent")))
    await asyncio.sleep(0.1)
    asked.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asked


def test_refusals_and_outages_are_what_the_stage_knows() -> None:
    assert issubclass(ModelRefused, Rejected)
    assert issubclass(ModelUnavailable, Unavailable)


def test_the_price_of_a_known_model_is_whole_micro_dollars_for_a_million_tokens() -> None:
    assert prices(MODEL) == (150_000, 600_000)


def test_the_price_of_an_unknown_model_is_zero() -> None:
    assert prices("nobody/nothing") == (0, 0)


def test_loading_asks_the_network_for_nothing() -> None:
    program = (
        "import socket, warnings; warnings.simplefilter('ignore')\n"
        "asked = []\n"
        "def refuse(self, address, *rest):\n"
        "    asked.append(address)\n"
        "    raise OSError('the network is closed')\n"
        "socket.socket.connect = socket.socket.connect_ex = refuse\n"
        "socket.getaddrinfo = lambda *place, **options: refuse(None, place)\n"
        "import connectors.models.hosted as hosted\n"
        "import sys; assert 'litellm' not in sys.modules, 'loaded at import'\n"
        "hosted.prices('openai/gpt-4o-mini')\n"
        "assert 'litellm' in sys.modules\n"
        "assert asked == [], asked\n"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
