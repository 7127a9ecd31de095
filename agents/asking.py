"""One attempt at a model: what leaves holds no personal data, and what comes back has it where the step needs it."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from domain.calls import Call
from domain.concealment import Concealer, PersonalData, restore, restore_json
from domain.definitions import Definitions
from domain.models import LOCAL
from domain.ports import Answer, ModelProvider, Question
from schemas.events import AiCall, Concealment, Message


class Ready(Struct, frozen=True):
    """What may leave, and what brings the values back."""

    messages: Sequence[Message]
    concealed: list[Concealment]
    values: dict[str, str]


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

    async def ready(self, requested: AiCall, model: str) -> Ready:
        """Returns what the model may be shown; raises Unavailable. Of the local one nothing is hidden: it runs here."""
        if model == LOCAL:
            return Ready(requested.messages, [], {})
        await self._provider.ready(model)
        tenant = self._definitions.tenant(requested.tenant_id)
        texts = [each.content for each in requested.messages]
        arguments = [call.arguments for each in requested.messages for call in each.tool_calls]
        names = tenant.names if tenant is not None else []
        structured = range(len(texts), len(texts) + len(arguments))
        found = await self._concealer.conceal([*texts, *arguments], names, structured=structured)
        said, left = found.texts[: len(texts)], iter(found.texts[len(texts) :])
        messages = [
            msgspec.structs.replace(
                each,
                content=text,
                tool_calls=[msgspec.structs.replace(call, arguments=next(left)) for call in each.tool_calls],
            )
            for each, text in zip(requested.messages, said, strict=True)
        ]
        return Ready(messages, _told(found.findings), found.values)

    async def ask(self, requested: AiCall, call: Call, ready: Ready, timeout_s: float) -> Answered:
        """Returns the answer; raises as the port does."""
        question = msgspec.structs.replace(self.question(requested, call, ready), timeout_s=timeout_s)
        answer = await self._provider.ask(question)
        if question.model == LOCAL:
            return Answered(answer, [], answer)
        scrubbed = await self._concealer.scrub([answer.text])
        calls = tuple(
            msgspec.structs.replace(each, arguments=restore_json(each.arguments, ready.values))
            for each in answer.tool_calls
        )
        text = restore(scrubbed.texts[0], ready.values)
        return Answered(
            msgspec.structs.replace(answer, text=text, tool_calls=calls),
            _told(scrubbed.findings, answer=True),
            msgspec.structs.replace(answer, text=scrubbed.texts[0]),
        )

    def question(self, requested: AiCall, call: Call, ready: Ready) -> Question:
        """Returns what the model of the call's choice is asked."""
        choice, heat = call.choice, requested.temperature_thousandths
        assert choice is not None and requested.models_digest is not None
        return Question(
            model=choice.model,
            messages=ready.messages,
            max_tokens=requested.max_tokens,
            idempotency_key=f"{requested.call_id}:{call.attempt}",
            endpoint=self._definitions.models(requested.models_digest).model(choice.model).endpoint,
            temperature=heat / 1000 if heat is not None else None,
        )


def _told(findings: Sequence[PersonalData], answer: bool = False) -> list[Concealment]:
    return [
        Concealment(kind=each.kind, text=-1 if answer else each.text, part=each.part, count=each.count)
        for each in findings
    ]
