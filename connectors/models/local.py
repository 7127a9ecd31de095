"""The model that runs here: picks the sentences that say most. No key, no network, the same answer every time."""

import re
from collections import Counter
from collections.abc import Sequence

from domain.models import LOCAL
from domain.ports import Answer
from schemas.events import Message

SENTENCES_MAX = 3
TEXT_MAX = 20_000
"""Characters of the question that are read; the rest is left out."""

_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+|\n|$)")
_WORD = re.compile(r"[^\W\d_]{3,}")


def extract(messages: Sequence[Message], max_tokens: int) -> Answer:
    """Returns the sentences of the last message with the most frequent words, in their order, marked degraded.

    Tokens are counted as words; the answer has at most `max_tokens` of them.
    """
    text = messages[-1].content[:TEXT_MAX] if messages else ""
    sentences = [match.group().strip() for match in _SENTENCE.finditer(text) if match.group().strip()]
    frequency = Counter(word.lower() for word in _WORD.findall(text))
    scores = [_score(sentence, frequency) for sentence in sentences]
    best = sorted(range(len(sentences)), key=lambda place: (-scores[place], place))[:SENTENCES_MAX]
    words = " ".join(sentences[place] for place in sorted(best)).split()[:max_tokens]
    return Answer(
        text=" ".join(words),
        input_tokens=sum(_tokens(message.content) for message in messages),
        output_tokens=len(words),
        degraded=True,
        model=LOCAL,
    )


def _score(sentence: str, frequency: Counter[str]) -> float:
    words = {word.lower() for word in _WORD.findall(sentence)}
    return sum(frequency[word] for word in words) / (len(words) + 3)


def _tokens(text: str) -> int:
    return len(text.split())
