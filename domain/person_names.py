"""Finds the names of people that a tenant has listed."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from domain.account_numbers import Found
from domain.contacts import merged

NAMES_MAX = 50_000
"""Names of one tenant."""
WORDS_MAX = 8
"""Words of one name, before its last part or in it; those beyond are not looked for."""
_WORD = re.compile(r"(?:[^\W_][\u0300-\u036f]*+)+")
_PLAIN_WORD = re.compile(r"[a-z0-9]+")
_GAP = re.compile(r"(?:[\s'’._-]|[\u2010-\u2015]){1,3}")
_COMMA = re.compile(r"\s{0,2},\s{0,2}")
_END = ""
_TURNED = ","


class Node(dict[str, "Node"]):
    """What may follow a word of a name; `_END` is in it when a name ends here."""


def tree(names: Iterable[str]) -> Node:
    """Returns the names as a tree of words, each also with its last word and a comma before the others."""
    root = Node()
    for name in names:
        first, _, last = name.strip().rpartition(" ")
        before, after = _words(first), _words(last)
        if len("".join([*before, *after])) < 2:
            continue
        _add(root, [*before, *after])
        if before and after:
            _add(root, [*after, _TURNED, *before])
    return root


def names_in(text: str, root: Node) -> list[Found]:
    """Finds the names word by word, whatever the case and the accents, `Last, First` and an initial between included.

    Time grows with the text, not with the list.
    """
    if not root:
        return []
    if text.isascii() and root.keys().isdisjoint(_PLAIN_WORD.findall(text.lower())):
        return []
    words = [(match.start(), match.end(), _folded(match.group())) for match in _WORD.finditer(text)]
    return merged(list(_found(text, words, root)))


@lru_cache(maxsize=64)
def known(names: tuple[str, ...]) -> Node:
    """Returns the tree of these names, the last 64 lists kept."""
    return tree(names)


def _found(text: str, words: list[tuple[int, int, str]], root: Node) -> Iterator[Found]:
    for first, (begin, end, word) in enumerate(words):
        if word in root and (last := _last(text, words, first, root[word])) is not None:
            yield begin, max(end, words[last][1])


def _last(text: str, words: list[tuple[int, int, str]], first: int, node: Node) -> int | None:
    """Returns the place of the last word of the longest name that begins with the first, None when there is none."""
    last = first if _END in node else None
    initials = 1
    place = first
    for following in range(first + 1, min(first + 2 * WORDS_MAX + 1, len(words))):
        gap = text[words[place][1] : words[following][0]]
        place = following
        word = words[following][2]
        if _COMMA.fullmatch(gap) and _TURNED in node:
            node = node[_TURNED]
        elif not _GAP.fullmatch(gap):
            break
        if word not in node and len(word) == 1 and initials:
            initials -= 1
            continue
        if word not in node:
            break
        node = node[word]
        if _END in node:
            last = following
    return last


def _words(name: str) -> list[str]:
    return [_folded(word) for word in _WORD.findall(name)][:WORDS_MAX]


def _folded(word: str) -> str:
    """Returns the word in small letters without accents."""
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFKD", word)
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).casefold()


def _add(root: Node, words: list[str]) -> None:
    for word in words:
        root = root.setdefault(word, Node())
    root.setdefault(_END, Node())
