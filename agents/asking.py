"""One attempt at a model: what leaves holds no personal data, and what comes back has it where the step needs it."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Sequence
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from domain.asking import Leaving, Wanted, wanted
from domain.calls import Call
from domain.concealment import Concealer, PersonalData, restore, restore_json
from domain.definitions import Definitions
from domain.fitting import BadSchema, misfit
from domain.models import LOCAL
from domain.ports import Answer, BadAnswer, ModelProvider, Question, Tool
from schemas.errors import AuterityError, Rejected, Unavailable
from schemas.events import AiCall, CallStatus, Concealment, Message, ToolCall

AHEAD_S = 10.0
"""For looking through what is asked before it is routed; after it the attempt has to wait for it."""
FIT_S = 10.0
"""For telling whether an answer fits its schema."""
AHEAD_MAX = 5000
"""Calls of which what may leave is kept until they are over; others are looked through again."""


class Stays(Rejected):
    """What a call holds and what may not leave."""


class Ready(Struct, frozen=True):
    """What may leave, and what brings the values back."""

    messages: Sequence[Message]
    concealed: list[Concealment]
    values: dict[str, str]
    tools: tuple[Tool, ...] = ()
    answer_schema: str | None = None

    @property
    def leaving(self) -> Leaving:
        """What a hosted model is shown."""
        return Leaving(self.messages, self.tools, self.answer_schema)


class Answered(Struct, frozen=True):
    """An answer, and the personal data taken out of it that no question held."""

    answer: Answer
    concealed: list[Concealment]
    said: Answer
    """As it came, without that: tokens stand where the answer has the question's values."""


class Asker:
    """Prepares questions, asks, and takes answers. Nothing leaves while the detector does not answer."""

    def __init__(self, provider: ModelProvider, concealer: Concealer, definitions: Definitions) -> None:
        self._provider = provider
        self._concealer = concealer
        self._definitions = definitions
        self._ahead: OrderedDict[str, Ready] = OrderedDict()

    async def ahead(self, calls: Sequence[AiCall]) -> None:
        """Looks through what may leave before it is routed: what leaves in its place may be longer, and is to be held.

        Raises nothing of what it cannot look through: the attempt will say why.
        """
        await asyncio.gather(*(self._look_ahead(each) for each in calls if each.status is CallStatus.REQUESTED))
        while len(self._ahead) > AHEAD_MAX:
            self._ahead.popitem(last=False)

    def leaving(self, call_id: str) -> Leaving | None:
        """Returns what will leave of the call, None when that is not known yet."""
        known = self._ahead.get(call_id)
        return known.leaving if known is not None else None

    def forget(self, call_id: str) -> None:
        """Lets go of a call that is over."""
        self._ahead.pop(call_id, None)

    async def ready(self, requested: AiCall, model: str, tokens_max: int = 0) -> Ready:
        """Returns what the model may be shown; raises Unavailable, and Stays for what may not leave.

        Of the local one nothing is hidden: it runs here. What has more than `tokens_max` tokens is more than was held
        (0: nothing was), and stays, too.
        """
        if model == LOCAL:
            more = wanted(requested, self._definitions)
            return Ready(requested.messages, [], {}, more.tools, more.answer_schema)
        await self._provider.ready(model)
        ready = self._ahead.get(requested.call_id) or await self._looked_through(requested)
        if 0 < tokens_max < (size := ready.leaving.tokens_max):
            raise Stays(f"without personal data it may have {size} tokens, more than the {tokens_max} that are held")
        return ready

    async def ask(self, requested: AiCall, call: Call, ready: Ready, timeout_s: float) -> Answered:
        """Returns the answer; raises as the port does. One that cannot be looked through is a bad one."""
        question = msgspec.structs.replace(self.question(requested, call, ready), timeout_s=timeout_s)
        answer = await self._provider.ask(question)
        if question.model == LOCAL:
            return Answered(answer, [], answer)
        given = [each.arguments for each in answer.tool_calls]
        is_json = question.answer_schema is not None and not given
        try:
            structured = range(0 if is_json else 1, 1 + len(given))
            scrubbed = await self._concealer.scrub([answer.text, *given], structured=structured)
        except (Unavailable, Rejected) as error:
            raise _bad(answer, f"the answer stays unread: {error}") from error
        said = _with(answer, scrubbed.texts[0], scrubbed.texts[1:])
        text = (restore_json if is_json else restore)(said.text, ready.values)
        found = _with(said, text, [restore_json(each.arguments, ready.values) for each in said.tool_calls])
        more = wanted(requested, self._definitions)
        if (is_json or given) and (wrong := await _looked_at(found, more)):
            raise _bad(answer, f"{question.model}: with personal data in its place {wrong}")
        return Answered(found, _told(scrubbed.findings, answer=True), said)

    def question(self, requested: AiCall, call: Call, ready: Ready) -> Question:
        """Returns what the model of the call's choice is asked."""
        choice, heat = call.choice, requested.temperature_thousandths
        assert choice is not None and requested.models_digest is not None
        model = self._definitions.models(requested.models_digest).model(choice.model)
        streamed = wanted(requested, self._definitions).stream and "streaming" in model.capabilities
        return Question(
            model=choice.model,
            messages=ready.messages,
            max_tokens=requested.max_tokens,
            idempotency_key=f"{requested.call_id}:{call.attempt}",
            endpoint=model.endpoint,
            temperature=heat / 1000 if heat is not None else None,
            tools=ready.tools,
            answer_schema=ready.answer_schema,
            on_text=_unheard if streamed else None,
        )

    async def _look_ahead(self, requested: AiCall) -> None:
        assert requested.models_digest is not None
        hosted = any(each.id != LOCAL for each in self._definitions.models(requested.models_digest).models)
        if requested.model == LOCAL or not hosted:
            return
        with contextlib.suppress(Unavailable, Rejected, TimeoutError):
            async with asyncio.timeout(AHEAD_S):
                self._ahead[requested.call_id] = await self._looked_through(requested)

    async def _looked_through(self, requested: AiCall) -> Ready:
        """Returns the call without the personal data in it; raises Unavailable, and Stays for what may not leave."""
        more = wanted(requested, self._definitions)
        said = requested.messages
        if requested.model == LOCAL:
            raise Stays("the call has to stay here")
        if any(each.images for each in said) and not more.images_may_leave:
            raise Stays("nobody can look through its images, and the step does not say that they may leave")
        texts = [*(each.content for each in said), *(each.description for each in more.tools)]
        given = [call.arguments for each in said for call in each.tool_calls]
        schemas = [*(each.parameters for each in more.tools), *([more.answer_schema] if more.answer_schema else [])]
        fixed = _fixed(said, more)
        tenant = self._definitions.tenant(requested.tenant_id)
        found = await self._concealer.conceal(
            [*texts, *given, *schemas, *fixed],
            tenant.names if tenant is not None else [],
            structured=range(len(texts), len(texts) + len(given) + len(schemas)),
        )
        if found.texts[len(found.texts) - len(fixed) :] != fixed:
            raise Stays("a name of a tool, or the address of an image, holds personal data")
        clean = iter(found.texts)
        contents = [next(clean) for _ in said]
        described = [next(clean) for _ in more.tools]
        ids: dict[str, str] = {}
        messages = []
        for each, content in zip(said, contents, strict=True):
            calls = [
                ToolCall(id=_numbered(ids, call.id), name=call.name, arguments=next(clean)) for call in each.tool_calls
            ]
            answers = _numbered(ids, each.tool_call_id) if each.tool_call_id else ""
            messages.append(msgspec.structs.replace(each, content=content, tool_calls=calls, tool_call_id=answers))
        tools = tuple(
            Tool(name=each.name, description=description, parameters=next(clean))
            for each, description in zip(more.tools, described, strict=True)
        )
        schema = next(clean) if more.answer_schema else None
        return Ready(messages, _told(found.findings), found.values, tools, schema)


def _fixed(messages: Sequence[Message], more: Wanted) -> list[str]:
    """Returns what leaves word for word: names, and images' addresses as they stand and as they read."""
    names = {each.name for each in messages} | {each.name for each in more.tools}
    names |= {call.name for each in messages for call in each.tool_calls}
    addresses = [image for each in messages for image in each.images if not image.startswith("data:")]
    return [*sorted(names - {""}), *addresses, *(unquote(each, errors="replace") for each in addresses)]


def _numbered(ids: dict[str, str], said: str) -> str:
    """Returns an id of ours: what a model calls its wish may hold anything."""
    return ids.setdefault(said, f"call_{len(ids) + 1}")


def _with(answer: Answer, text: str, arguments: Sequence[str]) -> Answer:
    calls = tuple(
        msgspec.structs.replace(each, arguments=given) for each, given in zip(answer.tool_calls, arguments, strict=True)
    )
    return msgspec.structs.replace(answer, text=text, tool_calls=calls)


async def _looked_at(answer: Answer, more: Wanted) -> str:
    """Returns what `_misfit` does, within its time; nobody else waits for it."""
    try:
        async with asyncio.timeout(FIT_S):
            return await asyncio.to_thread(_misfit, answer, more)
    except TimeoutError:
        return f"nobody could tell within {FIT_S:g} s what it is"


def _misfit(answer: Answer, more: Wanted) -> str:
    """Returns why the answer is not what the step wants, empty when it is."""
    parameters = {each.name: each.parameters for each in more.tools}
    try:
        for each in answer.tool_calls:
            if wrong := misfit(each.arguments or "{}", parameters[each.name]):
                return f"what it gives to tool {each.name} {wrong}"
        if more.answer_schema is not None and not answer.tool_calls:
            wrong = misfit(answer.text, more.answer_schema)
            return f"the answer {wrong}" if wrong else ""
    except (BadSchema, LookupError) as error:
        return f"nobody can tell what it is ({type(error).__name__})"
    return ""


def _bad(answer: Answer, reason: str) -> AuterityError:
    return BadAnswer(
        reason, billed=True, again=False, input_tokens=answer.input_tokens, output_tokens=answer.output_tokens
    )


def _unheard(_: str) -> None:
    """Hears the pieces of an answer; nobody is shown one before the whole was looked through."""


def _told(findings: Sequence[PersonalData], answer: bool = False) -> list[Concealment]:
    return [
        Concealment(kind=each.kind, text=-1 if answer else each.text, part=each.part, count=each.count)
        for each in findings
    ]
