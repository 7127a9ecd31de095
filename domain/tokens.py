"""How many tokens a question has at most, whichever model reads it: what is held, and billed when nobody counted."""

from collections.abc import Sequence

from domain.ports import Question, Tool
from schemas.events import Message

PER_MESSAGE = 16
"""For the role and what is put around a message."""
PER_QUESTION = 64
PER_TOOL = 64
PER_OFFER = 1_024
"""Once, for what a provider itself tells the model of tools and schemas: Anthropic says 313 to 530."""
PER_IMAGE = 4_096
"""Above what the known providers take for one image."""


def input_tokens_max(question: Question) -> int:
    """Returns an upper bound of all that is asked: messages, tools and the schema of the answer."""
    return messages_tokens_max(question.messages) + offers_tokens_max(question.tools, question.answer_schema)


def offers_tokens_max(tools: Sequence[Tool], answer_schema: str | None) -> int:
    """Returns an upper bound of what tools and the schema of the answer add."""
    count = _bytes(answer_schema or "") + (PER_OFFER if tools or answer_schema is not None else 0)
    return count + sum(PER_TOOL + _bytes(each.name, each.description, each.parameters) for each in tools)


def messages_tokens_max(messages: Sequence[Message]) -> int:
    """Returns an upper bound: a token of a byte-pair vocabulary stands for one byte of text at least.

    An image's own bytes are no text: it counts 4,096.
    """
    count = PER_QUESTION
    for message in messages:
        count += PER_MESSAGE + _bytes(message.role, message.content, message.name, message.tool_call_id)
        count += PER_IMAGE * len(message.images)
        count += sum(PER_TOOL + _bytes(each.id, each.name, each.arguments) for each in message.tool_calls)
    return count


def texts_tokens_max(texts: Sequence[str]) -> int:
    """Returns an upper bound for texts that get vectors."""
    return sum(PER_MESSAGE + _bytes(text) for text in texts)


def _bytes(*texts: str) -> int:
    return sum(len(text.encode(errors="replace")) for text in texts)
