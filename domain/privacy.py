"""Finds personal data in text by what it looks like, by its check digits and by the words beside it.

The recognisers are our own, not presidio's (3 to 5 ms a text, 319 MB), because they run per event in the compliance
decider: 0.25 ms for 500 characters in which nothing is found, no model, and time that grows with the text alone.
"""

import re
from collections.abc import Callable, Collection, Mapping

from domain.account_numbers import IBAN_LENGTHS, Found, cards, ibans
from domain.addresses import addresses
from domain.contacts import addresses_of_networks, emails, merged, phones
from domain.identifiers import IDENTIFIERS
from domain.person_names import Node, names_in

__all__ = ["DETECTORS", "DETECTORS_VERSION", "IBAN_LENGTHS", "KINDS", "Found", "cards", "emails", "ibans", "phones"]
__all__ += ["found_in", "redact", "replaced"]

DETECTORS_VERSION = "2"
"""Counted up with every change of what is found: a run pins it, as it pins the versions of libraries."""

DETECTORS: Mapping[str, Callable[[str], list[Found]]] = {
    "iban": ibans,
    "card": cards,
    "email": emails,
    **IDENTIFIERS,
    "ip": addresses_of_networks,
    "address": addresses,
    "phone": phones,
}
"""In the order they run: what one has taken out, the next no longer sees."""

NAME = "name"
KINDS = (*DETECTORS, NAME)
"""All there is to find; names only where the tenant lists them."""
WITHOUT_DIGITS = frozenset({"email", NAME})
"""Kinds of which some hold no digit."""
ROUNDS_MAX = 40
"""How often a text is looked through; one in which then still something is found is taken out as a whole."""

_TOKEN = re.compile(rf"\[(?:{'|'.join(KINDS)}|(?:{'|'.join(KINDS).upper()})_N?\d{{1,4}})\]")
_DIGIT = re.compile(r"\d")
_ZEROS = (0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xC66, 0xCE6, 0xD66, 0xE50, 0xED0, 0xF20, 0x1040)
_MATHEMATICAL = range(0x1D7CE, 0x1D800)
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]"
)
_PLAIN: dict[int, str] = {
    **{zero + digit: str(digit) for zero in _ZEROS for digit in range(10)},
    **{place: str((place - _MATHEMATICAL[0]) % 10) for place in _MATHEMATICAL},
    **{place: chr(place - 0xFEE0) for place in range(0xFF01, 0xFF5F)},
    **dict.fromkeys((0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " "),
    **dict.fromkeys((*range(0x2010, 0x2016), 0x2043, 0x2212, 0xFE58, 0xFE63), "-"),
    **dict.fromkeys((0x2028, 0x2029, 0x85), "\n"),
}


def redact(
    text: str, kinds: Collection[str] = tuple(DETECTORS), names: Node | None = None
) -> tuple[str, dict[str, int]]:
    """Returns the text with a token such as [email] in place of what was found, and how much of each kind it was.

    Looks again until nothing is found: what one has taken out may have hidden what stood beside it.
    """
    counts: dict[str, int] = {}

    def token(kind: str, value: str) -> str:
        counts[kind] = counts.get(kind, 0) + 1
        return f"[{kind}]"

    return replaced(text, token, kinds, names), counts


def replaced(
    text: str, token: Callable[[str, str], str], kinds: Collection[str] = KINDS, names: Node | None = None
) -> str:
    """Returns the text with token(kind, value) in place of everything found, until nothing more is found in it.

    A token must be one of `[kind]` and `[KIND_1]` to `[KIND_9999]`: these are never looked into.
    """
    for _ in range(ROUNDS_MAX):
        before = text
        for kind in KINDS:
            if kind in kinds and (found := found_in(text, kind, names)):
                text = _without(text, found, kind, token)
        if before == text:
            return text
    return token(kind, text)


def found_in(text: str, kind: str, names: Node | None = None) -> list[Found]:
    """Returns where personal data of the kind stands, in order; what lies within a token is none, whole tokens only.

    Digits, spaces and hyphens of other scripts count as the plain ones, and invisible signs as not there.
    """
    if kind not in WITHOUT_DIGITS and not _DIGIT.search(text):
        return []
    found = _looked(text, kind, names)
    if not text.isascii():
        found = merged([*found, *_seen_plainly(text, kind, names)])
    return _whole(text, found) if found and "[" in text else found


def _looked(text: str, kind: str, names: Node | None) -> list[Found]:
    if kind == NAME:
        return names_in(text, names) if names else []
    return DETECTORS[kind](text)


def _seen_plainly(text: str, kind: str, names: Node | None) -> list[Found]:
    plain = text.translate(_PLAIN)
    if _HIDDEN.search(plain) is None:
        return _looked(plain, kind, names) if plain != text else []
    kept = [place for place, letter in enumerate(plain) if not _HIDDEN.match(letter)]
    found = _looked("".join(plain[place] for place in kept), kind, names)
    return [(kept[begin], kept[end - 1] + 1) for begin, end in found]


def _whole(text: str, found: list[Found]) -> list[Found]:
    """Leaves out what lies within a token, and widens what cuts one."""
    tokens = [match.span() for match in _TOKEN.finditer(text)]
    wide: list[Found] = []
    at = 0
    for begin, end in found:
        while at < len(tokens) and tokens[at][1] <= begin:
            at += 1
        over = at
        while over < len(tokens) and tokens[over][0] < end:
            over += 1
        if over == at:
            wide.append((begin, end))
        elif not (tokens[at][0] <= begin and end <= tokens[at][1]):
            wide.append((min(begin, tokens[at][0]), max(end, tokens[over - 1][1])))
    return merged(wide)


def _without(text: str, found: list[Found], kind: str, token: Callable[[str, str], str]) -> str:
    pieces = []
    at = 0
    for begin, end in found:
        pieces += [text[at:begin], token(kind, text[begin:end])]
        at = end
    return "".join([*pieces, text[at:]])
