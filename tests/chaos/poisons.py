"""R5 and R8: what nobody can read, and events at which a decider raises or its process dies."""

import signal
from collections.abc import Iterator
from random import Random

import msgspec

from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.errors import Undecodable
from schemas.record import DIGEST, Headers, Outgoing
from tests import event_strategies
from tests.chaos.drive import Drive
from tests.chaos.oracle import Oracle
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand

STALL_MAX_S = 60.0
DEATHS_MAX = 3
LARGE_BYTES = 10 * 1024 * 1024
LARGE_COUNT = 3
WHOLE = 50
"""Records of a topic that are damaged in turn."""
KINDS = ("cut", "flipped", "other schema", "unknown schema", "magic", "empty", "trailing", "noise")
UNREGISTERED = 2**31 - 1


def r5(stand: Stand, outcome: Outcome, *, bad: int, good: int, again: int, pure: int) -> None:
    """Mixes what nobody can read with good events; then sends some of it again, repaired.

    `pure` records of each topic are read by the codec alone.
    """
    fuzzed(outcome, stand.seed, pure)
    with stand.drive("R5", keys=200) as drive:
        mixed(drive, bad, good)
        drive.settle()
        if again:
            _sent_again(drive, again)
            outcome.detail["sent again"] = again
        outcome.detail["exits"] = drive.exits()
        outcome.require(not drive.exits(), "processes that ended", len(drive.exits()))
        outcome.take(drive.verdict())


def r8(stand: Stand, outcome: Outcome, *, raising: int, crashing: int, events: int) -> None:
    """Puts events among the others at which the decider raises, and such at which the process dies."""
    with stand.drive("R8", keys=200) as drive:
        poisoned(drive, raising, crashing, events)
        drive.settle()
        outcome.detail["exits"] = drive.exits()
        outcome.require(deaths(drive) <= DEATHS_MAX * crashing, "deaths", deaths(drive))
        outcome.within(round(drive.monitor.stall_s(), 1), STALL_MAX_S, "longest stall s")
        outcome.take(drive.verdict())


def fuzzed(outcome: Outcome, seed: int, count: int) -> None:
    """Has the codec read so many damaged records of each topic; lost is what it takes for an event."""
    chance = Random(f"{seed} fuzz")
    read = event_strategies.codec()
    for topic in sorted(TOPICS) if count else ():
        whole = [read.encode(event_strategies.event(topic, chance), "chaos") for _ in range(WHOLE)]
        for number in range(count):
            record = _damage(chance.choice(whole), KINDS[number % len(KINDS)], read, chance)
            try:
                read.decode(event_strategies.recorded(record))
            except Undecodable:
                continue
            outcome.lost += 1
        outcome.events += count
    outcome.require(not outcome.lost, "taken for events", outcome.lost)


def deaths(drive: Drive) -> int:
    """Returns how often a process died of an event."""
    return drive.exits().count(-signal.SIGSEGV)


def mixed(drive: Drive, bad: int, good: int) -> None:
    """Writes good and bad records in turn, and a few that are far too large."""
    chance = Random(f"{drive.seed} poison")
    makes = damaged(drive.arena.codec, Oracle(drive.seed + 1, 50), chance)
    for _ in range(LARGE_COUNT):
        drive.feeder.write_bad(Outgoing("business-events", b"large", chance.randbytes(LARGE_BYTES), []))
    done = 0
    for event in drive.oracle.events(good):
        drive.feeder.write([event])
        while done * good < bad * (drive.oracle.made + 1) and done < bad:
            drive.feeder.write_bad(next(makes))
            done += 1
    drive.feeder.flush()


def poisoned(drive: Drive, raising: int, crashing: int, events: int) -> None:
    """Writes events with so many among them at which the decider raises, and so many at which the process dies."""
    chance = Random(f"{drive.seed} poison")
    places = chance.sample(range(events), raising + crashing)
    kinds = dict.fromkeys(places[:raising], "raise") | dict.fromkeys(places[raising:], "crash")
    for number, event in enumerate(drive.oracle.events(events)):
        drive.feeder.write([event])
        if number in kinds:
            drive.feeder.write_poisoned(drive.oracle.event(f"poison-{number}", kinds[number]))
    drive.feeder.flush()


def damaged(codec: Codec, source: Oracle, chance: Random) -> Iterator[Outgoing]:
    """Yields records that nobody can read, of every kind in turn; half of them without a digest if they stay bad."""
    while True:
        for kind in KINDS:
            [event] = source.events(1)
            record = codec.encode(event, "chaos")
            yield _damage(record, kind, codec, chance)


def _damage(record: Outgoing, kind: str, codec: Codec, chance: Random) -> Outgoing:
    value = bytearray(record.value)
    match kind:
        case "cut":
            del value[chance.randrange(1, len(value)) :]
        case "flipped":
            value[chance.randrange(5, len(value))] ^= 1 << chance.randrange(8)
        case "other schema":
            other = "requests" if record.topic != "requests" else "definitions"
            value[1:5] = min(codec.numbers(other)).to_bytes(4)
        case "unknown schema":
            value[1:5] = chance.randrange(10**6, UNREGISTERED).to_bytes(4)
        case "magic":
            value[0] = chance.randrange(1, 256)
        case "empty":
            value.clear()
        case "trailing":
            value += bytes(chance.randrange(1, 9))
        case "noise":
            value = bytearray(chance.randbytes(chance.randrange(1, 400)))
    headers: Headers = record.headers
    if kind not in ("flipped", "noise") and chance.random() < 0.5:
        headers = [each for each in headers if each[0] != DIGEST]
    return msgspec.structs.replace(record, value=bytes(value), headers=headers)


def _sent_again(drive: Drive, count: int) -> None:
    """What could not be read because of its schema id alone is written again with the right one, as after a fix."""
    right = b""
    for number in range(count):
        event = drive.oracle.event(f"again-{number}")
        record = drive.arena.codec.encode(event, "chaos")
        right = record.value[1:5]
        wrong = record.value[:1] + UNREGISTERED.to_bytes(4) + record.value[5:]
        drive.feeder.write_bad(msgspec.structs.replace(record, value=wrong))
    drive.feeder.flush()
    drive.settle()
    for letter in drive.letters(UNREGISTERED):
        repaired = letter.value[:1] + right + letter.value[5:]
        drive.feeder.write_record(msgspec.structs.replace(letter, value=repaired))
    drive.feeder.flush()
    drive.settle()
