"""What LiteLLM got, as our Answer: whole or in pieces, counted or bounded, and what was asked for, or an error."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from msgspec import Struct

from connectors.models.failures import failure
from connectors.models.sdk import raised
from domain.fitting import BadSchema, misfit
from domain.ports import Answer, BadAnswer, Embedding, ModelUnavailable, Question
from domain.tokens import input_tokens_max, texts_tokens_max
from schemas.events import ToolCall

ANSWER_CHARS_MAX = 1_000_000
"""A longer answer is none."""
MISSING = (AttributeError, LookupError, TypeError, ValueError)


class Usage(Struct, frozen=True):
    """What the provider says it took."""

    input_tokens: int
    output_tokens: int


def whole(question: Question, answer: Any) -> Answer:
    """Returns the answer that came in one piece; raises BadAnswer."""
    usage = _usage(getattr(answer, "usage", None))
    try:
        choice = answer.choices[0]
        calls = [
            ToolCall(id=each.id or "", name=each.function.name, arguments=each.function.arguments or "")
            for each in choice.message.tool_calls or ()
        ]
        text, finish = choice.message.content or "", choice.finish_reason or ""
    except MISSING as error:
        raise _bad(question, "an answer that is none", usage) from error
    return _checked(question, text, calls, finish, str(answer.model or ""), usage)


async def streamed(question: Question, stream: Any) -> Answer:
    """Returns the answer that came in pieces, each of which was said as it came; raises ModelUnavailable.

    A stream that ends without saying why was cut. LiteLLM makes up an end and a count then: what the provider itself
    sent is asked for.
    """
    assert question.on_text is not None
    text, length, model, usage = [], 0, "", None
    calls: dict[int, dict[str, str]] = {}
    async with aclosing(_chunks(question, stream)) as chunks:
        async for chunk in chunks:
            model = model or str(chunk.model or "")
            for choice in chunk.choices[:1]:
                if piece := choice.delta.content:
                    length += len(piece)
                    if length > ANSWER_CHARS_MAX:
                        raise _bad(question, f"more than {ANSWER_CHARS_MAX} characters", None, again=False)
                    text.append(piece)
                    question.on_text(piece)
                for each in choice.delta.tool_calls or ():
                    _add(calls, each)
    finish = stream.received_finish_reason or stream.intermittent_finish_reason
    for chunk in stream.chunks:
        usage = _usage(getattr(chunk, "usage", None)) or usage
    if not finish and not text and not calls:
        raise _bad(question, "an answer that is none", usage)
    if not finish:
        raise _unavailable(question, "the stream ended early", usage)
    wanted = [ToolCall(**calls[index]) for index in sorted(calls)]
    return await asyncio.to_thread(_checked, question, "".join(text), wanted, finish, model, usage)


def embedding(model: str, texts: list[str], answer: Any) -> Embedding:
    """Returns the vectors that came; raises BadAnswer."""
    usage = _usage(getattr(answer, "usage", None))
    try:
        rows = sorted(answer.data, key=lambda row: int(row["index"]))
        vectors = [[float(each) for each in row["embedding"]] for row in rows]
    except MISSING as error:
        raise BadAnswer(f"{model}: vectors that are none", billed=True) from error
    sizes = {len(each) for each in vectors}
    if len(vectors) != len(texts) or len(sizes) != 1 or 0 in sizes:
        raise BadAnswer(
            f"{model}: {len(vectors)} vectors of {len(sizes)} lengths for {len(texts)} texts",
            billed=True,
            input_tokens=usage.input_tokens if usage else None,
            output_tokens=0 if usage else None,
        )
    return Embedding(
        vectors=vectors,
        input_tokens=usage.input_tokens if usage else texts_tokens_max(texts),
        counted=usage is not None,
        model=str(answer.model or ""),
    )


async def _chunks(question: Question, stream: Any) -> AsyncGenerator[Any, None]:
    """Yields what comes, and closes the connection whatever ends it."""
    pieces = aiter(stream)
    try:
        while True:
            try:
                chunk = await anext(pieces)
            except StopAsyncIteration:
                return
            except raised() as error:
                raise failure(question.model, error) from None  # its text may hold the question
            yield chunk
    finally:
        if (close := getattr(stream, "aclose", None)) is not None:
            await close()


def _add(calls: dict[int, dict[str, str]], piece: Any) -> None:
    call = calls.setdefault(int(piece.index or 0), {"id": "", "name": "", "arguments": ""})
    call["id"] = call["id"] or piece.id or ""
    call["name"] = call["name"] or piece.function.name or ""
    call["arguments"] += piece.function.arguments or ""


def _usage(said: Any) -> Usage | None:
    """Returns the counts, None when there are none: LiteLLM says zeros where the provider said nothing."""
    try:
        usage = Usage(int(said.prompt_tokens or 0), int(said.completion_tokens or 0))
    except MISSING:
        return None
    return usage if usage.input_tokens > 0 and usage.output_tokens >= 0 else None


def _checked(
    question: Question, text: str, calls: list[ToolCall], finish: str, model: str, usage: Usage | None
) -> Answer:
    if len(text) > ANSWER_CHARS_MAX:
        raise _bad(question, f"more than {ANSWER_CHARS_MAX} characters", usage, again=False)
    try:
        wrong = _wrong(question, text, calls)
    except BadSchema as error:
        raise _bad(question, str(error), usage, again=False) from error
    if wrong:
        # the same limit would cut it again, and at temperature 0 it would be said again
        raise _bad(question, wrong, usage, again=finish != "length" and question.temperature != 0)
    return Answer(
        text=text,
        input_tokens=usage.input_tokens if usage else input_tokens_max(question),
        output_tokens=usage.output_tokens if usage else question.max_tokens,
        counted=usage is not None,
        tool_calls=tuple(calls),
        finish=finish or "stop",
        model=model,
    )


def _wrong(question: Question, text: str, calls: list[ToolCall]) -> str:
    """Returns why an answer is not what was asked for, empty when it is."""
    parameters = {tool.name: tool.parameters for tool in question.tools}
    for call in calls:
        if call.name not in parameters:
            return "it calls a tool that it was not given"
        if wrong := misfit(call.arguments or "{}", parameters[call.name]):
            return f"what it gives to tool {call.name} {wrong}"
    if question.answer_schema is not None and not calls and (wrong := misfit(text, question.answer_schema)):
        return f"the answer {wrong}"
    return ""


def _bad(question: Question, reason: str, usage: Usage | None, again: bool = True) -> BadAnswer:
    return BadAnswer(
        f"{question.model}: {reason}",
        billed=True,
        again=again,
        input_tokens=usage.input_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
    )


def _unavailable(question: Question, reason: str, usage: Usage | None) -> ModelUnavailable:
    counts = (usage.input_tokens, usage.output_tokens) if usage else (None, None)
    return ModelUnavailable(f"{question.model}: {reason}", billed=True, input_tokens=counts[0], output_tokens=counts[1])
