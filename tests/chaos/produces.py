"""R4: what cannot be written, an output or a state, is never passed by a commit."""

from connectors.kafka import ensure_topics
from schemas.catalogue import TOPICS
from schemas.errors import Unavailable
from tests.chaos.drive import Drive
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand
from tests.chaos.wire import ANSWER, REQUEST, Wire

OUTPUTS = "agent-steps"
SETTING, SMALL = "max.message.bytes", "100"
"""Too small for any record of ours."""
OVERTIME_S = 2.0


def r4(stand: Stand, outcome: Outcome, *, events: int, hold_s: float, timeout_s: float, both: bool) -> None:
    """Makes topics unwritable, too small for any record, or loses what is written and its answers on the way.

    With `both`, requests and answers are lost on the way to outputs and changelog alike; else one of each.
    """
    with (
        Wire(stand.arena.bootstrap) as wire,
        stand.drive("R4", workers=1, keys=50, worker_bootstrap=wire.bootstrap, delivery_timeout_s=timeout_s) as drive,
    ):
        log = stand.arena.changelog()
        passed = _unwritable(drive, stand, events, hold_s)
        for topic in (OUTPUTS, log):
            passed += _too_large(drive, stand, topic, events, hold_s)
        ways = [(OUTPUTS, ANSWER), (log, REQUEST), (OUTPUTS, REQUEST), (log, ANSWER)]
        ways = ways if both else ways[:2]
        for topic, what in ways:
            passed += _timed_out(drive, wire, topic, what, events, timeout_s + OVERTIME_S)
        outcome.require(not passed, "committed past", passed)
        outcome.require(wire.lost >= len(ways), "frames lost", wire.lost)
        outcome.detail["cases"] = 4 + len(ways)
        outcome.detail["exits"] = drive.crew.members[drive.workers[0]].exits
        outcome.take(drive.verdict())


def _unwritable(drive: Drive, stand: Stand, events: int, hold_s: float) -> int:
    """Deletes the outputs' topic, then the changelog, before anything that counts lies on them."""
    began = drive.now()
    stand.arena.delete([OUTPUTS])
    passed = _fed(drive, events, hold_s)
    stand.arena.delete([stand.arena.changelog()])
    ensure_topics(stand.arena.bootstrap, TOPICS.values())
    passed += _fed(drive, events, hold_s)
    stand.arena.add_changelog(stand.arena.prefix)
    _through(drive, began)
    return passed


def _too_large(drive: Drive, stand: Stand, topic: str, events: int, hold_s: float) -> int:
    began = drive.now()
    before = stand.arena.topic_setting(topic, SETTING)
    stand.arena.set_topic(topic, SETTING, SMALL)
    passed = _fed(drive, events, hold_s)
    stand.arena.set_topic(topic, SETTING, before)
    _through(drive, began)
    return passed


def _timed_out(drive: Drive, wire: Wire, topic: str, what: str, events: int, hold_s: float) -> int:
    """Loses what is written, or the answer to it, for longer than a worker waits."""
    began = drive.now()
    wire.lose(what, topic)
    passed = _fed(drive, events, hold_s)
    wire.heal()
    _through(drive, began)
    return passed


def _fed(drive: Drive, events: int, hold_s: float) -> int:
    """Feeds while nothing can be written; returns how far a commit went nevertheless."""
    before = _done(drive)
    drive.feed(events)
    drive.feeder.join()
    drive.rest(hold_s)
    return _done(drive) - before


def _through(drive: Drive, began: float) -> None:
    drive.settle()
    drive.monitor.excused += [(group, began, drive.now()) for group in (drive.totals, drive.sink)]


def _done(drive: Drive) -> int:
    sample = drive.monitor.look()
    if sample.done is None:
        raise Unavailable("the broker does not answer")
    return sample.done[drive.totals]
