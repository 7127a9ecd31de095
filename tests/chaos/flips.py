"""R7: one bit of a record is wrong, anywhere: nobody takes the record for what it was."""

from collections.abc import Callable, Iterator
from random import Random

from schemas.catalogue import TOPICS
from schemas.errors import Undecodable
from schemas.events import Event
from schemas.record import DIGEST, Record
from tests.chaos.naive import believed
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand
from tests.event_strategies import codec, event, recorded

EACH = 200
"""Flips of one record."""


def r7(stand: Stand, outcome: Outcome, *, flips: int) -> None:
    """Flips single bits of key, value and headers of every topic's records."""
    decode = codec().decode

    def taken(record: Record) -> Event | None:
        try:
            return decode(record)
        except Undecodable:
            return None

    _count(outcome, stand.seed, flips, sorted(TOPICS), taken)


def naive_r7(stand: Stand, outcome: Outcome, *, flips: int) -> None:
    """Flips the same bits for an agent that believes what decodes."""
    _count(outcome, stand.seed, flips, ["business-events"], believed)
    outcome.passed = outcome.lost > 0
    outcome.detail.pop("not held", None)


def _count(outcome: Outcome, seed: int, flips: int, topics: list[str], taken: Callable[[Record], Event | None]) -> None:
    """Lost is what passes for another event; a flip that unnames an open topic's digest changes no event."""
    chance = Random(f"{seed} flips")
    makes = codec()
    unnamed = 0
    while outcome.events < flips:
        said = event(chance.choice(topics), chance)
        record = recorded(makes.encode(said, "chaos"), 3, outcome.events)
        for name, flipped in _flipped(record, chance):
            outcome.events += 1
            found = taken(flipped)
            if found == said and name and TOPICS[record.topic].open:
                unnamed += 1
            elif found is not None:
                outcome.lost += 1
    outcome.state_equal = not outcome.lost
    outcome.detail["flips that unname the digest of an open topic"] = unnamed
    outcome.require(not outcome.lost, "undetected", outcome.lost)


def _flipped(record: Record, chance: Random) -> Iterator[tuple[bool, Record]]:
    """Yields the record with one bit wrong, and whether it is one of the digest's name."""
    parts = [record.key or b"", record.value or b""]
    for name, content in record.headers:
        parts += [name.encode(), content or b""]
    names = [name for name, _ in record.headers]
    bits = sum(map(len, parts)) * 8
    for bit in chance.sample(range(bits), min(EACH, bits)):
        found = _with(parts, bit)
        try:
            headers = [(found[at].decode(), found[at + 1]) for at in range(2, len(found), 2)]
        except UnicodeDecodeError:
            continue  # no client hands such a name over
        unnamed = DIGEST in names and DIGEST not in [name for name, _ in headers]
        yield (
            unnamed,
            Record(record.topic, record.partition, record.offset, record.timestamp_ms, found[0], found[1], headers),
        )


def _with(parts: list[bytes], bit: int) -> list[bytes]:
    found = list(parts)
    at = bit // 8
    for number, part in enumerate(parts):
        if at < len(part):
            changed = bytearray(part)
            changed[at] ^= 1 << bit % 8
            found[number] = bytes(changed)
            break
        at -= len(part)
    return found
