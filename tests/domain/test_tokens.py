"""The upper bound of a question's tokens."""

from hypothesis import given
from hypothesis import strategies as st

from domain.ports import Question, Tool
from domain.tokens import PER_IMAGE, input_tokens_max, texts_tokens_max
from schemas.events import Message, ToolCall

TEXTS = st.text(max_size=50)


def _question(*messages: Message, tools: tuple[Tool, ...] = ()) -> Question:
    return Question(model="m", messages=messages, max_tokens=1, idempotency_key="k", tools=tools)


@given(st.lists(TEXTS, max_size=5))
def test_no_text_has_more_tokens_than_bytes(texts: list[str]) -> None:
    bytes_of_all = sum(len(text.encode()) for text in texts)

    assert input_tokens_max(_question(*(Message(role="user", content=text) for text in texts))) >= bytes_of_all
    assert texts_tokens_max(texts) >= bytes_of_all


@given(TEXTS)
def test_whatever_is_added_adds_to_the_bound(text: str) -> None:
    bare = input_tokens_max(_question(Message(role="user", content=text)))
    call = ToolCall(id="1", name="lookup", arguments="{}")
    tool = Tool(name="lookup", description="Looks up.", parameters="{}")

    assert input_tokens_max(_question(Message(role="user", content=text, images=["data:image/png;base64,AA"]))) == (
        bare + PER_IMAGE
    )
    assert input_tokens_max(_question(Message(role="assistant", content=text, tool_calls=[call]))) > bare
    assert input_tokens_max(_question(Message(role="user", content=text), tools=(tool,))) > bare
