"""A server that speaks OpenAI's API, counts what it would charge, and misbehaves on demand:
`python -m tests.models.server --port 0`.

It prints one line of JSON, `{"port": ...}`, when it listens (on loopback only), and ends with SIGTERM or when its
standard input is closed. `POST /v1/chat/completions` (plain and streamed), `POST /v1/embeddings`.

`GET /calls` lists what was asked: `model`, `path`, `idempotency_key`, `connection`, `body`, `outcome`, `status`,
`billed`, `input_tokens`, `output_tokens`, `cost_usd_micros`, `at`; `GET /bill` sums it up without the bodies;
`DELETE /calls` empties the list and forgets all scripts. `PUT /models/{model}` scripts a model: `{"misdeed": {"name":
"429", "times": 2, "retry_after": "1"}, "answer": "...", "latency_ms": 50}`; one called `anything~429` does so by its
name.

Misdeeds: `429`, `503` (with Retry-After), `500`, `400`, `401`, `quota` (429 that no waiting helps), `slow`, `silent`
(never answers), `reset` (connection reset after the work), `refused_reset` (before it), `cut_body`, `cut_stream`,
`short_stream` (ends in order, but early), `wrong_json`, `html`, `no_choices`, `no_usage`, `wrong_schema`,
`wrong_arguments` (of a tool call).
"""

import argparse
import asyncio
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import uvloop
from aiohttp import web

from tests.models import misdeeds, said
from tests.models.misdeeds import Misdeed
from tests.models.said import Json

HOST = "127.0.0.1"
BODY_BYTES_MAX = 32 * 1024 * 1024
CALLS_MAX = 200_000
"""Calls that are kept; beyond them the server says 507."""
STREAM_PIECES = 4
PRICES = {"": (150_000, 600_000)}
"""Micro-dollars for a million input and output tokens, by model; of "" when a model has none."""
ERRORS = {
    "400": (400, "invalid_request_error", "context_length_exceeded"),
    "401": (401, "invalid_request_error", "invalid_api_key"),
    "429": (429, "requests", "rate_limit_exceeded"),
    "quota": (429, "insufficient_quota", "insufficient_quota"),
    "500": (500, "server_error", "internal_error"),
    "503": (503, "server_error", "overloaded"),
}


class Script(msgspec.Struct, kw_only=True):
    """What a model was told to do."""

    misdeed: Misdeed | None = None
    answer: str | None = None
    latency_ms: int | None = None


class Call(msgspec.Struct, kw_only=True):
    """A call as the provider has it in its books."""

    at: float
    path: str
    model: str
    idempotency_key: str
    key: str
    """The end of the key that was shown, `none` without one."""
    connection: int
    """The caller's port: the same for calls on one connection."""
    body: Json
    outcome: str = "open"
    status: int = 0
    billed: bool = False
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd_micros: int = 0


class Server:
    """The provider: its scripts, its prices, its books."""

    def __init__(self, latency_ms: int, prices: dict[str, tuple[int, int]]) -> None:
        self._latency_ms = latency_ms
        self._prices = PRICES | prices
        self._scripts: dict[str, Script] = {}
        self._calls: list[Call] = []

    def app(self) -> web.Application:
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_get("/calls", self._listed)
        app.router.add_delete("/calls", self._emptied)
        app.router.add_get("/bill", self._bill)
        app.router.add_put("/models/{model:.+}", self._scripted)
        return app

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        call, script = await self._taken(request)
        body, misdeed = call.body, script.misdeed
        call.input_tokens = said.input_tokens(body)
        wanted = [] if script.answer is not None else said.tool_calls(body)
        text, finish = ("", "tool_calls") if wanted else said.cut(said.text(body, script.answer), _limit(body))
        if misdeed is not None and misdeed.name == "wrong_schema":
            text = '{"wrong": "answer"}'
        for each in wanted:
            if misdeed is not None and misdeed.name == "wrong_arguments":
                each["function"]["arguments"] = "{no json"
        call.output_tokens = said.tokens(text) + sum(said.tokens(each["function"]["arguments"]) for each in wanted)
        early = await self._early(request, call, script)
        if early is not None:
            return early
        head = {"id": f"chatcmpl-{len(self._calls)}", "created": int(call.at), "model": call.model}
        name = misdeed.name if misdeed is not None else ""
        if body.get("stream"):
            return await self._streamed(request, call, head, text, wanted, finish, name)
        message: Json = {"role": "assistant", "content": text if not wanted else None}
        if wanted:
            message["tool_calls"] = wanted
        choices = [] if name == "no_choices" else [{"index": 0, "message": message, "finish_reason": finish}]
        answer = {**head, "object": "chat.completion", "choices": choices}
        if name != "no_usage":
            answer["usage"] = _usage(call)
        return await self._sent(request, call, msgspec.json.encode(answer), name)

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        call, script = await self._taken(request)
        texts = call.body["input"]
        texts = [texts] if isinstance(texts, str) else texts
        call.input_tokens = sum(said.tokens(each) for each in texts)
        early = await self._early(request, call, script)
        if early is not None:
            return early
        name = script.misdeed.name if script.misdeed is not None else ""
        data = [{"object": "embedding", "index": at, "embedding": said.vector(each)} for at, each in enumerate(texts)]
        answer: Json = {"object": "list", "model": call.model, "data": [] if name == "no_choices" else data}
        if name != "no_usage":
            answer["usage"] = {"prompt_tokens": call.input_tokens, "total_tokens": call.input_tokens}
        return await self._sent(request, call, msgspec.json.encode(answer), name)

    async def _taken(self, request: web.Request) -> tuple[Call, Script]:
        if len(self._calls) >= CALLS_MAX:
            raise web.HTTPInsufficientStorage
        body = msgspec.json.decode(await request.read())
        model = body["model"]
        call = Call(
            at=time.time(),
            path=request.path,
            model=model,
            idempotency_key=request.headers.get("Idempotency-Key", ""),
            key=request.headers.get("Authorization", "none")[-8:],
            connection=(request.transport.get_extra_info("peername") or (0, 0))[1] if request.transport else 0,
            body=body,
        )
        self._calls.append(call)
        script = self._scripts.get(model) or Script()
        misdeed = script.misdeed or misdeeds.named(model)
        if script.misdeed is not None:
            self._scripts[model] = msgspec.structs.replace(script, misdeed=script.misdeed.less_one())
        return call, msgspec.structs.replace(script, misdeed=misdeed)

    async def _early(self, request: web.Request, call: Call, script: Script) -> web.StreamResponse | None:
        """Waits as long as the model thinks, and does what is done wrong before an answer begins."""
        misdeed = script.misdeed
        name = misdeed.name if misdeed is not None else ""
        self._book(call, name or "answered", misdeed.charged if misdeed is not None else True)
        if name in ERRORS:
            assert misdeed is not None
            call.status, kind, code = ERRORS[name]
            error = {"message": f"No: {code}, said {call.body}", "type": kind, "code": code, "param": None}
            headers = {"Retry-After": misdeed.retry_after} if misdeed.retry_after else {}
            return web.json_response({"error": error}, status=call.status, headers=headers)
        if name == "refused_reset":
            return _reset(request)
        if name == "silent":
            await asyncio.sleep(3600)
        latency_ms = self._latency_ms if script.latency_ms is None else script.latency_ms
        await asyncio.sleep((misdeed.after_ms if misdeed is not None and name == "slow" else latency_ms) / 1000)
        return _reset(request) if name == "reset" else None

    def _book(self, call: Call, outcome: str, billed: bool) -> None:
        call.outcome, call.billed = outcome, billed
        if not billed:
            call.output_tokens = 0
            return
        given, taken = self._prices.get(call.model) or self._prices[""]
        call.cost_usd_micros = -(-(call.input_tokens * given + call.output_tokens * taken) // 1_000_000)

    async def _sent(self, request: web.Request, call: Call, answer: bytes, name: str) -> web.StreamResponse:
        call.status = 200
        kind = "application/json"
        if name == "wrong_json":
            answer = answer[: len(answer) // 2]
        if name == "html":
            answer, kind = b"<html>a proxy's page", "text/html"
        if name != "cut_body":
            return web.Response(body=answer, content_type=kind)
        response = web.StreamResponse(headers={"Content-Length": str(len(answer)), "Content-Type": kind})
        await response.prepare(request)
        await response.write(answer[: len(answer) // 2])
        return _closed(request, response)

    async def _streamed(
        self, request: web.Request, call: Call, head: Json, text: str, wanted: list[Json], finish: str, name: str
    ) -> web.StreamResponse:
        call.status = 200
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)

        async def event(choices: list[Json], **more: Any) -> None:
            chunk = {**head, "object": "chat.completion.chunk", "choices": choices, **more}
            await response.write(b"data: " + msgspec.json.encode(chunk) + b"\n\n")

        deltas: list[Json] = [{"content": piece} for piece in said.split(text, STREAM_PIECES)]
        for at, each in enumerate(wanted):
            function = each["function"]
            begun = {**each, "function": {"name": function["name"], "arguments": ""}}
            deltas.append({"tool_calls": [{"index": at, **begun}]})
            for piece in said.split(function["arguments"], 2):
                deltas.append({"tool_calls": [{"index": at, "function": {"arguments": piece}}]})
        if name in ("cut_stream", "cut_body", "short_stream"):
            deltas = deltas[:2]
        for delta in [{"role": "assistant", "content": ""}, *deltas]:
            await event([] if name == "no_choices" else [{"index": 0, "delta": delta, "finish_reason": None}])
        if name in ("cut_stream", "cut_body"):
            return _closed(request, response)
        if name == "wrong_json":
            await response.write(b'data: {"id": "chatcmpl-\n\n')
        if name != "short_stream":
            if name != "no_choices":
                await event([{"index": 0, "delta": {}, "finish_reason": finish}])
            if (call.body.get("stream_options") or {}).get("include_usage") and name != "no_usage":
                await event([], usage=_usage(call))
            await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    async def _listed(self, _: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self._calls), content_type="application/json")

    async def _emptied(self, _: web.Request) -> web.Response:
        self._calls.clear()
        self._scripts.clear()
        return web.Response(status=204)

    async def _bill(self, _: web.Request) -> web.Response:
        keys = [call.idempotency_key for call in self._calls if call.idempotency_key]
        bill = {
            "calls": len(self._calls),
            "billed": sum(call.billed for call in self._calls),
            "cost_usd_micros": sum(call.cost_usd_micros for call in self._calls),
            "keys_twice": len(keys) - len(set(keys)),
        }
        return web.Response(body=msgspec.json.encode(bill), content_type="application/json")

    async def _scripted(self, request: web.Request) -> web.Response:
        script = msgspec.json.decode(await request.read(), type=Script)
        if script.misdeed is not None and script.misdeed.name not in misdeeds.BILLED:
            raise web.HTTPBadRequest(text=f"no misdeed is called {script.misdeed.name}")
        self._scripts[request.match_info["model"]] = script
        return web.Response(status=204)


def _limit(body: Json) -> int | None:
    return body.get("max_tokens") or body.get("max_completion_tokens")


def _usage(call: Call) -> Json:
    total = call.input_tokens + call.output_tokens
    return {"prompt_tokens": call.input_tokens, "completion_tokens": call.output_tokens, "total_tokens": total}


def _reset(request: web.Request) -> web.StreamResponse:
    """Ends the connection with a reset instead of an answer."""
    assert request.transport is not None
    peer = request.transport.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    return web.Response()


def _closed(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Closes the connection in the middle of an answer."""
    assert request.transport is not None
    request.transport.close()
    return response


async def serve(port: int, latency_ms: int, prices: dict[str, tuple[int, int]]) -> None:
    """Serves until SIGTERM, SIGINT or the end of standard input."""
    runner = web.AppRunner(
        Server(latency_ms, prices).app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1
    )
    await runner.setup()
    listening = socket.create_server((HOST, port), backlog=4096)
    await web.SockSite(runner, listening, backlog=4096).start()
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, over.set)
    loop.add_reader(sys.stdin.fileno(), lambda: over.set() if not sys.stdin.buffer.read1(4096) else None)
    print(msgspec.json.encode({"port": listening.getsockname()[1]}).decode(), flush=True)
    await over.wait()
    await runner.cleanup()


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.models.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=int, default=50)
    parser.add_argument("--prices", default="{}", help='JSON: {"model": [input, output]}, micro-dollars per million')
    options = parser.parse_args(arguments)
    prices = msgspec.json.decode(options.prices, type=dict[str, tuple[int, int]])
    uvloop.run(serve(options.port, options.latency_ms, prices))


if __name__ == "__main__":
    main(sys.argv[1:])
