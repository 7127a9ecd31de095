"""What a model may be told of the fields whose text comes from elsewhere: cleaned, cut to a length, and marked."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from domain.sanitising import sanitise
from schemas.events import Removal

CHARACTERS_MAX = 100_000
"""Of all untrusted fields of one call, the first ones first: what is beyond is left out."""
CUT = "cut"
"""The kind of removal that says so."""


class Sanitised(Struct, frozen=True):
    """The fields as a template may be filled with them, what is said to the model of them, and what was taken out."""

    fields: Mapping[str, str]
    notice: str
    """Belongs into the system message; empty when no field is untrusted."""
    removed: list[Removal]


def sanitised(given: Mapping[str, str], untrusted: Sequence[str], call_id: str) -> Sanitised:
    """Returns the fields with the untrusted ones cleaned and each between marks; the same for the same call id.

    At most 100,000 characters of them are taken, in the order in which they are listed. An empty field stays so.
    """
    names = [name for name in dict.fromkeys(untrusted) if given.get(name)]
    if not names:
        return Sanitised(given, "", [])
    passages, removed, left = [], [], CHARACTERS_MAX
    for name in names:
        text = given[name][:left]
        left -= len(text)
        passages.append(text)
        if beyond := len(given[name]) - len(text):
            removed.append(Removal(kind=CUT, place=name, count=beyond))
    clean = sanitise(passages, call_id)
    removed += [Removal(kind=each.kind, place=names[each.passage], count=each.count) for each in clean.findings]
    return Sanitised({**given, **dict(zip(names, clean.passages, strict=True))}, clean.notice, removed)
