"""Decides again what was decided in one run, from its events alone, and compares it with what the log says."""

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from domain.admissions import Admissions
from domain.compliance import Compliance
from domain.decider import Decider
from domain.definitions import Definitions
from domain.replay import READ_ORDER, Bounds, Difference, Replay
from domain.steps import Steps
from domain.workflows import Workflows
from schemas.codec import Codec
from schemas.record import Record

DECIDERS: tuple[Decider, ...] = (Workflows(), Compliance(), Steps(), Admissions())
"""Those that decide by the events of one run. Whether a run begins, and what it may cost, is decided by those of its
subject and its tenant: that is taken as it was."""
GIVEN = ("definitions", "business-events", "requests", "budget-entries")
FOREVER = 2**63


class Unlike(Struct, frozen=True):
    """Where a recorded decision, and the one made again, do not agree: see domain.replay.Difference."""

    topic: str
    partition: int
    offset: int
    recorded_at: datetime
    field: str
    recorded: str
    decided: str


class RunVerdict(Struct, frozen=True):
    """What came out when a run was decided again."""

    decisions: int
    same: int
    different: list[Unlike]
    other_version: int
    """Equal but for the versions of the libraries that decided: among the same."""
    pending: int
    """Decided now, and not on the log yet, as the run goes on."""


def decided_again(records: Sequence[Record], definitions: Definitions, codec: Codec, ended: bool) -> RunVerdict:
    """Returns how the decisions of a run's records agree with those that follow from them; nothing has an effect.

    Of a run that has `ended` nothing is to come: what is not on the log is missing.
    """
    order = {topic: number for number, topic in enumerate(READ_ORDER)}
    ordered = sorted(records, key=lambda each: (order.get(each.topic, len(order)), each.partition, each.offset))
    places = {(each.topic, each.partition): FOREVER for each in records} if ended else {}
    committed = {decider.name: places for decider in DECIDERS}
    keep: list[str] = []
    while True:
        replay = Replay(DECIDERS, codec, Bounds(), committed, keep, GIVEN, definitions)
        for record in ordered:
            replay.take(record)
        if keep or not replay.unlike:
            break
        keep = replay.unlike
    found = replay.verdict()
    unlike = len([each for each in found.differences if each.field not in ("missing", "extra", "x-digest")])
    return RunVerdict(
        decisions=found.checked,
        same=found.checked - unlike,
        different=[_unlike(each) for each in found.differences],
        other_version=found.other_version,
        pending=found.pending,
    )


def _unlike(each: Difference) -> Unlike:
    at = datetime.fromtimestamp(max(each.timestamp_ms, 0) / 1000, UTC)
    return Unlike(each.topic, each.partition, each.offset, at, each.field, each.recorded, each.decided)
