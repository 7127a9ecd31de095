"""A JSON text as its strings and numbers, each where it stands: some can be changed, and the rest stays as it is."""

import json
import re
from collections.abc import Sequence

import msgspec

from domain.account_numbers import Found

_LEXEME = re.compile(r'"(?:[^"\\]|\\.)*+"|-?\d[\d.eE+-]*+|[{}\[\]:,]')
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|[_\s-]+")


class Leaf:
    """One string or number; `text` may be changed, and `bare` says whether it is written as a number."""

    __slots__ = ("bare", "begin", "end", "is_key", "label", "original", "place", "text")

    def __init__(self, begin: int, end: int, text: str, *, bare: bool = False, is_key: bool = False) -> None:
        self.begin = begin
        self.end = end
        self.text = self.original = text
        self.bare = bare
        self.is_key = is_key
        self.label = ""
        """What the keys above it say it is."""
        self.place: tuple[int | Leaf, ...] = ()

    @property
    def path(self) -> str:
        """Returns where it stands as a JSON pointer, with the keys as they read now."""
        names = (str(each) if isinstance(each, int) else each.text for each in self.place)
        return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)


class _Level:
    """An object or an array that is being read."""

    def __init__(self, key: Leaf | None) -> None:
        self.key = key
        self.count = 0
        self.is_array = key is None


def leaves(text: str) -> list[Leaf] | None:
    """Returns the strings (keys too) and numbers in their order, None when the text is no JSON."""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    found: list[Leaf] = []
    levels: list[_Level] = []
    before = ""
    for match in _LEXEME.finditer(text):
        sign = match.group()
        if sign in "{[":
            levels.append(_Level(None))
            levels[-1].is_array = sign == "["
        elif sign in "}]":
            levels.pop()
        elif sign == ",":
            levels[-1].count += 1
        elif sign != ":":
            is_key = bool(levels) and not levels[-1].is_array and before in "{,"
            is_text = sign[0] == '"'
            said = (json.loads(sign) if "\\" in sign else sign[1:-1]) if is_text else sign
            leaf = Leaf(*match.span(), said, bare=not is_text, is_key=is_key)
            if is_key:
                levels[-1].key = leaf
            leaf.place = tuple(_step(each) for each in levels)
            if not is_key:
                leaf.label = _label(leaf.place)
            found.append(leaf)
        before = sign if len(sign) == 1 else '"'
    return found


def joined(text: str, parts: Sequence[Leaf]) -> tuple[str, list[Found]]:
    """Returns the JSON text with what has changed in its leaves, and where each of these stands in it."""
    pieces, places = [], []
    at = size = 0
    for leaf in parts:
        pieces += [text[at : leaf.begin], _written(text, leaf)]
        begin = size + leaf.begin - at
        size = begin + len(pieces[-1])
        places.append((begin, size))
        at = leaf.end
    return "".join([*pieces, text[at:]]), places


def _written(text: str, leaf: Leaf) -> str:
    if leaf.bare:
        return leaf.text
    if leaf.text == leaf.original and text[leaf.begin] == '"':
        return text[leaf.begin : leaf.end]
    return json.dumps(leaf.text, ensure_ascii=False)


def _step(level: _Level) -> "int | Leaf":
    return level.count if level.is_array or level.key is None else level.key


def _label(place: Sequence["int | Leaf"]) -> str:
    """Returns the two nearest keys as words."""
    keys = [each.original for each in place if isinstance(each, Leaf)][-2:]
    return " ".join(_CAMEL.sub(" ", key[:100]).strip() for key in keys)
