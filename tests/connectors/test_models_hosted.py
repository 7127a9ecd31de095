"""Hosted models, through LiteLLM against a real HTTP server that speaks OpenAI's chat API."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from connectors.models.hosted import ModelRefused, Models, ModelUnavailable, prices
from domain.ports import Answer
from schemas.errors import Rejected, Unavailable
from schemas.events import Message

ROOT = Path(__file__).parents[2]
PATH = "/v1/chat/completions"
MODEL = "openai/gpt-4o-mini"
KEY = "sk-a-key-that-nobody-may-see"
SAID = [Message(role="system", content="Be brief."), Message(role="user", content="Hello?")]

pytestmark = pytest.mark.filterwarnings("ignore")  # LiteLLM's own; ours are errors in every other file


@pytest.fixture
def models(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Models:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return Models(api_base=httpserver.url_for("/v1"), deadline_s=0.3)


async def test_an_answer_comes_with_its_usage(httpserver: HTTPServer, models: Models) -> None:
    httpserver.expect_request(PATH).respond_with_json(_answer())

    assert await _ask(models) == Answer(text="Hi.", input_tokens=3, output_tokens=2)


async def test_a_hosted_answer_is_not_degraded(httpserver: HTTPServer, models: Models) -> None:
    httpserver.expect_request(PATH).respond_with_json(_answer())

    assert not (await _ask(models)).degraded


async def test_the_server_is_sent_model_messages_and_limit(httpserver: HTTPServer, models: Models) -> None:
    httpserver.expect_request(PATH).respond_with_json(_answer())

    await _ask(models)

    sent = httpserver.log[0][0].get_json()
    assert (sent["model"], sent["max_tokens"]) == ("gpt-4o-mini", 20)
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello?"},
    ]


async def test_the_call_id_is_the_idempotency_key(httpserver: HTTPServer, models: Models) -> None:
    httpserver.expect_request(PATH).respond_with_json(_answer())

    await _ask(models)

    assert httpserver.log[0][0].headers["Idempotency-Key"] == "call-1"


async def test_an_answer_without_text_is_empty(httpserver: HTTPServer, models: Models) -> None:
    httpserver.expect_request(PATH).respond_with_json(_answer(content=None))

    assert (await _ask(models)).text == ""


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
async def test_a_server_that_may_answer_later_is_unavailable(
    httpserver: HTTPServer, models: Models, status: int
) -> None:
    httpserver.expect_request(PATH).respond_with_json({"error": {"message": "not now"}}, status=status)

    with pytest.raises(ModelUnavailable, match=rf"^{MODEL}: .*not now"):
        await _ask(models)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_a_call_that_the_server_will_never_take_is_refused(
    httpserver: HTTPServer, models: Models, status: int
) -> None:
    httpserver.expect_request(PATH).respond_with_json({"error": {"message": "never"}}, status=status)

    with pytest.raises(ModelRefused, match=rf"^{MODEL}: .*never"):
        await _ask(models)


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_a_failed_attempt_is_made_once_because_attempts_are_counted_elsewhere(
    httpserver: HTTPServer, models: Models, status: int
) -> None:
    httpserver.expect_request(PATH).respond_with_json({"error": {"message": "no"}}, status=status)

    with pytest.raises((ModelRefused, ModelUnavailable)):
        await _ask(models)

    assert len(httpserver.log) == 1


async def test_a_server_that_is_too_slow_is_unavailable(httpserver: HTTPServer, models: Models) -> None:
    def slow(_: Request) -> Response:
        time.sleep(0.6)
        return Response("{}")

    httpserver.expect_request(PATH).respond_with_handler(slow)

    with pytest.raises(ModelUnavailable, match=r"[Tt]imed out"):
        await _ask(models)


async def test_a_server_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    with pytest.raises(ModelUnavailable, match="Connection error"):
        await _ask(Models(api_base="http://127.0.0.1:1/v1", deadline_s=1))


@pytest.mark.parametrize(
    ("body", "kind"),
    [("<html>a proxy's page", "text/html"), ("{", "application/json"), ("", "application/json")],
)
async def test_an_answer_that_is_none_is_unavailable(
    httpserver: HTTPServer, models: Models, body: str, kind: str
) -> None:
    httpserver.expect_request(PATH).respond_with_data(body, content_type=kind)

    with pytest.raises(ModelUnavailable):
        await _ask(models)


async def test_an_answer_without_choices_is_unavailable(httpserver: HTTPServer, models: Models) -> None:
    httpserver.expect_request(PATH).respond_with_json(_answer() | {"choices": []})

    with pytest.raises(ModelUnavailable, match="an answer that is none"):
        await _ask(models)


async def test_a_missing_key_is_named(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(ModelRefused, match=f"^{MODEL}: OPENAI_API_KEY is not set$"):
        await _ask(Models(api_base=httpserver.url_for("/v1")))


@pytest.mark.parametrize("status", [401, 500])
async def test_a_key_that_the_provider_repeats_is_never_shown(
    httpserver: HTTPServer, models: Models, status: int
) -> None:
    said = {"error": {"message": f"Incorrect API key provided: {KEY}."}}
    httpserver.expect_request(PATH).respond_with_json(said, status=status)

    with pytest.raises((ModelRefused, ModelUnavailable)) as failed:
        await _ask(models)

    assert KEY not in str(failed.value)
    assert "\n" not in str(failed.value)


async def test_a_model_that_no_provider_has_is_refused(models: Models) -> None:
    with pytest.raises(ModelRefused, match=r"^nobody/nothing: "):
        await models.complete("nobody/nothing", SAID, 20, "call-1")


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


async def _ask(models: Models) -> Answer:
    return await models.complete(MODEL, SAID, 20, "call-1")


def _answer(content: str | None = "Hi.") -> dict[str, Any]:
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
