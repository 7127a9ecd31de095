"""Conceals personal data behind tokens such as [EMAIL_1] before a text leaves, and puts it back into what returns."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from domain.json_text import Leaf, joined, leaves
from domain.person_names import Node, known
from domain.privacy import KINDS, NAME, found_in, redact, replaced
from schemas.errors import TooLarge

CHARACTERS_MAX = 4_000_000
"""Of all texts of one call."""
NUMBERS_MAX = 9_999
"""Different values of one kind in one call."""
CARRIED_MIN = 5
"""A value of that many characters is concealed wherever it stands again, also where nothing says what it is."""

_TOKEN = re.compile(rf"\[(?:{'|'.join(KINDS).upper()})_N?\d{{1,4}}\]")
_NUMBER_TOKEN = re.compile(rf"\[(?:{'|'.join(KINDS).upper()})_N\d{{1,4}}\]\Z")
_PRONE = frozenset(KINDS) - {"email", "iban", "card", "mbi", "name", "ip"}
"""Kinds that are found by the words beside them: the same value may stand elsewhere without them."""


class PersonalData(Struct, frozen=True, array_like=True):
    """That personal data was found, and where; never what it is."""

    kind: str
    text: int
    """Which text, counted from 0."""
    part: str = ""
    """In a JSON text the place of the value, such as /patient/phones/0, personal data in it concealed."""
    count: int = 1


class Concealed(Struct, frozen=True, array_like=True):
    """Texts without personal data, what was found, and the values by their tokens (for `restore`; never kept)."""

    texts: list[str]
    findings: list[PersonalData]
    values: dict[str, str]


class Scrubbed(Struct, frozen=True, array_like=True):
    """Texts from which personal data was taken for good, and what was found."""

    texts: list[str]
    findings: list[PersonalData]


class Concealer(Protocol):
    """Conceals personal data; raises Unavailable when it cannot say that all is found, and then nothing may leave."""

    async def conceal(
        self,
        texts: Sequence[str],
        names: Sequence[str] = (),
        kinds: Collection[str] = KINDS,
        *,
        structured: Collection[int] = (),
        values: Mapping[str, str] | None = None,
    ) -> Concealed:
        """See `conceal`."""

    async def scrub(
        self,
        texts: Sequence[str],
        names: Sequence[str] = (),
        kinds: Collection[str] = KINDS,
        *,
        structured: Collection[int] = (),
    ) -> Scrubbed:
        """See `scrub`."""


def conceal(
    texts: Sequence[str],
    names: Sequence[str] = (),
    kinds: Collection[str] = KINDS,
    *,
    structured: Collection[int] = (),
    values: Mapping[str, str] | None = None,
) -> Concealed:
    """Returns the texts with a token in place of everything found; the same value has the same token in all of them.

    `structured` says which texts are JSON: in these the values and keys are concealed and the text stays JSON (one that
    is none is taken as plain text). `values` are those of an earlier part of the same call, whose tokens go on to hold.
    A token that stands in a text already is never given out. Raises TooLarge beyond 4,000,000 characters or 9,999
    values of a kind.
    """
    if (size := sum(map(len, texts))) > CHARACTERS_MAX:
        raise TooLarge(f"{size} characters in one call, more than {CHARACTERS_MAX}")
    vault = _Vault(texts, values or {})
    tree = known(tuple(names)) if names else None
    parts = [_Part(text, place in structured) for place, text in enumerate(texts)]
    for part in parts:
        part.conceal(vault, kinds, tree)
    while any(part.carry(vault) for part in parts):
        for part in parts:
            part.conceal(vault, kinds, tree)
    findings = [found for place, part in enumerate(parts) for found in part.findings(place, vault.values)]
    return Concealed([part.written() for part in parts], findings, vault.values)


def restore(text: str, values: Mapping[str, str]) -> str:
    """Returns the text with the values in place of their tokens; a token that is not known stays."""
    return _TOKEN.sub(lambda match: values.get(match.group(), match.group()), text)


def tokens(text: str) -> set[str]:
    """Returns all that stands in the text and looks like a token, given out or not."""
    return set(_TOKEN.findall(text))


def restore_json(text: str, values: Mapping[str, str]) -> str:
    """Returns the JSON text with the values in its strings; what was a number is one again. Else see `restore`."""
    parts = leaves(text)
    if parts is None:
        return restore(text, values)
    for leaf in parts:
        if _NUMBER_TOKEN.match(leaf.text) and leaf.text in values and not leaf.is_key:
            leaf.text, leaf.bare = values[leaf.text], True
        else:
            leaf.text = restore(leaf.text, values)
    return joined(text, parts)[0]


def scrub(
    texts: Sequence[str],
    names: Sequence[str] = (),
    kinds: Collection[str] = KINDS,
    *,
    structured: Collection[int] = (),
) -> Scrubbed:
    """Returns a model's answers, tokens still in them, with [email] in place of personal data that the model brought.

    What it brought was in no prompt: it is taken out for good. `structured` says which are JSON: these stay so. Raises
    TooLarge beyond 4,000,000 characters.
    """
    if (size := sum(map(len, texts))) > CHARACTERS_MAX:
        raise TooLarge(f"{size} characters in one answer, more than {CHARACTERS_MAX}")
    tree = known(tuple(names)) if names else None
    clean, findings = [], []
    for place, text in enumerate(texts):
        if place in structured:
            found = conceal([text], names, kinds, structured=(0,))
            clean.append(restore(found.texts[0], {token: f"[{_kind(token)}]" for token in found.values}))
            findings += [PersonalData(each.kind, place, each.part, each.count) for each in found.findings]
            continue
        left, counts = redact(text, kinds, tree)
        clean.append(left)
        findings += [PersonalData(kind, place, "", count) for kind, count in counts.items()]
    return Scrubbed(clean, findings)


class _Vault:
    """The tokens given out in one call."""

    def __init__(self, texts: Iterable[str], values: Mapping[str, str]) -> None:
        self.values = dict(values)
        self._numbers = {value: token for token, value in values.items() if _NUMBER_TOKEN.match(token)}
        self._tokens = {
            (_kind(token), value): token for token, value in values.items() if not _NUMBER_TOKEN.match(token)
        }
        self._taken = set(values)
        for text in texts:
            if "[" in text or "\\u" in text:
                self._taken.update(_TOKEN.findall(text))
                self._taken.update(token for leaf in leaves(text) or [] for token in _TOKEN.findall(leaf.text))
        self._next: dict[str, int] = {}

    def token(self, kind: str, value: str) -> str:
        """Returns the value's token, the same for the same value."""
        value = restore(value, self.values)
        if (token := self._tokens.get((kind, value))) is None:
            token = self._tokens[kind, value] = self._new(kind.upper() + "_")
            self.values[token] = value
        return token

    def number(self, kind: str, value: str) -> str:
        """Returns the token of a value that is a number in a JSON text."""
        if (token := self._numbers.get(value)) is None:
            token = self._numbers[value] = self._new(kind.upper() + "_N")
            self.values[token] = value
        return token

    def carried(self, text: str) -> str:
        """Returns the text without the values that were found elsewhere by the words beside them."""
        for (kind, value), token in self._tokens.items():
            if kind in _PRONE and len(value) >= CARRIED_MIN and value in text:
                text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", token, text)
        return text

    def _new(self, start: str) -> str:
        number = self._next.get(start, 0) + 1
        while (token := f"[{start}{number}]") in self._taken:
            number += 1
        if number > NUMBERS_MAX:
            raise TooLarge(f"more than {NUMBERS_MAX} values of one kind of personal data in one call")
        self._next[start] = number
        self._taken.add(token)
        return token


class _Part:
    """One text, or the strings and numbers of a JSON text."""

    def __init__(self, text: str, structured: bool) -> None:
        found = leaves(text) if structured else None
        self._source = None if found is None else text
        self._leaves = [Leaf(0, len(text), text)] if found is None else found

    def conceal(self, vault: _Vault, kinds: Collection[str], tree: Node | None) -> None:
        """Conceals what is found in each leaf, and then what the leaves are only together: those as a whole."""
        for leaf in self._leaves:
            if not leaf.bare:
                leaf.text = replaced(leaf.text, vault.token, kinds, tree)
            if leaf.label:
                _conceal_by_label(leaf, vault, kinds, tree)
        while self._source is not None and (cut := self._cut(kinds, tree)):
            for leaf, kind in cut:
                _conceal_whole(leaf, kind, vault)

    def carry(self, vault: _Vault) -> bool:
        """Conceals what has been found elsewhere; returns whether there was any."""
        changed = False
        for leaf in self._leaves:
            if not leaf.bare and (text := vault.carried(leaf.text)) != leaf.text:
                leaf.text, changed = text, True
        return changed

    def written(self) -> str:
        """Returns the text as it reads now."""
        return self._leaves[0].text if self._source is None else joined(self._source, self._leaves)[0]

    def findings(self, place: int, values: Mapping[str, str]) -> list[PersonalData]:
        """Returns what was concealed, by part and kind."""
        found = []
        for leaf in self._leaves:
            tokens = Counter(_kind(token) for token in _TOKEN.findall(leaf.text) if token in values)
            tokens.subtract(_kind(token) for token in _TOKEN.findall(leaf.original) if token in values)
            found += [PersonalData(kind, place, leaf.path, count) for kind, count in tokens.items() if count > 0]
        return found

    def _cut(self, kinds: Collection[str], tree: Node | None) -> list[tuple[Leaf, str]]:
        assert self._source is not None
        text, places = joined(self._source, self._leaves)
        cut = {}
        for kind in kinds:
            for begin, end in found_in(text, kind, tree):
                first = bisect_right(places, begin, key=lambda span: span[1])
                for leaf, span in zip(self._leaves[first:], places[first:], strict=True):
                    if span[0] >= end:
                        break
                    if not _TOKEN.fullmatch(leaf.text):
                        cut[id(leaf)] = (leaf, kind)
        return list(cut.values())


def _conceal_by_label(leaf: Leaf, vault: _Vault, kinds: Collection[str], tree: Node | None) -> None:
    """Conceals what is personal data beside its key, which may say what it is."""
    offset = len(leaf.label) + 2
    for kind in KINDS:
        if kind not in kinds or (kind == NAME and not leaf.bare):
            continue
        found = [span for span in found_in(f"{leaf.label}: {leaf.text}", kind, tree) if span[1] > offset]
        if found and leaf.bare:
            _conceal_whole(leaf, kind, vault)
        for begin, end in reversed(found if not leaf.bare and not _TOKEN.fullmatch(leaf.text) else []):
            first = max(0, begin - offset)
            token = vault.token(kind, leaf.text[first : end - offset])
            leaf.text = leaf.text[:first] + token + leaf.text[end - offset :]


def _conceal_whole(leaf: Leaf, kind: str, vault: _Vault) -> None:
    leaf.text = vault.number(kind, leaf.text) if leaf.bare else vault.token(kind, leaf.text)
    leaf.bare = False


def _kind(token: str) -> str:
    return token[1:-1].rpartition("_")[0].lower()
