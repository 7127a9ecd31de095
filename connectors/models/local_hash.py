"""`local-hash`: vectors by feature hashing, with no key and no network, the same for the same text everywhere.

Words and pairs of words are counted into 256 places, by a hash that says the place and the sign (Weinberger et al.,
2009), damped by a logarithm and scaled to length 1. It finds a text again whose words stand a little otherwise, are
written larger or repeated. It knows no meaning: not that "car" and "automobile" are one, nor what a negation does, nor
any other language's word for it; and two long texts that differ in one word are very near each other.
"""

import math
import re
from collections import Counter
from hashlib import blake2b
from itertools import pairwise

from domain.ports import Embedding

LOCAL_HASH = "local-hash"
DIMENSIONS = 256
WORDS_MAX = 20_000
"""Words of a text that are read; the rest is left out."""

_WORD = re.compile(r"\w+")


def vector(text: str) -> list[float]:
    """Returns 256 numbers of length 1 together; zeros for a text without a word."""
    words = [match.group().casefold() for match, _ in zip(_WORD.finditer(text), range(WORDS_MAX), strict=False)]
    features = Counter(words)
    features.update(f"{first} {second}" for first, second in pairwise(words))
    places = [0.0] * DIMENSIONS
    for feature, count in features.items():
        hashed = int.from_bytes(blake2b(feature.encode(errors="replace"), digest_size=4).digest(), "big")
        places[hashed % DIMENSIONS] += (1.0 if hashed >> 31 else -1.0) * (1.0 + math.log(count))
    length = math.sqrt(math.fsum(each * each for each in places))
    return [each / length for each in places] if length else places


def embedded(texts: list[str]) -> Embedding:
    """Returns the texts' vectors; tokens are counted as words."""
    return Embedding(
        vectors=[vector(text) for text in texts],
        input_tokens=sum(len(text.split()) for text in texts),
        model=LOCAL_HASH,
    )
