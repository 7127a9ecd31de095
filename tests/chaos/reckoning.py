"""What a run did to the money: the provider's list, the topics, the table and ClickHouse beside each other.

`python -m tests.chaos.reckoning BOOTSTRAP REGISTRY FOLDER` writes what the topic says to ClickHouse, and prints its
sums: a process of its own, for an embedded ClickHouse is one process's.
"""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import rocksdict

from connectors.kafka import ends
from connectors.reader import KafkaLog, read_all
from connectors.registry import codec_of
from domain.accounts import Accounts
from domain.book import Book
from streams.changelog import Fold
from streams.table import POSITION, STATE, Kept, Position
from tests.chaos.till import Till
from tests.harness import ROOT

SUMS = (
    "SELECT sum(billed_usd_micros), sum(held_usd_micros), count(), max(sequence)"
    " FROM auterity.budget_entries WHERE sequence > 0"
)


class Reckoning(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run, in micro-dollars where they are money."""

    cap: int
    bill: int
    """By the provider's own list."""
    ledger: int
    asked: int
    """Calls on that list."""
    lost: int
    """Calls without exactly one outcome."""
    doubled: int
    """Idempotency keys that the provider answered more than once."""
    open: int
    """Holds that are open at the end."""
    unlike: list[str]
    """What does not say the same as the fold from zero."""

    @property
    def overshoot(self) -> int:
        """What was spent beyond the cap."""
        return max(0, self.bill - self.cap)

    @property
    def short(self) -> int:
        """What the provider billed and the ledger does not know of."""
        return max(0, self.bill - self.ledger)

    @property
    def holds(self) -> bool:
        """True when all of it is as it must be."""
        return not (self.overshoot or self.short or self.lost or self.doubled or self.open or self.unlike)


def reckon(till: Till) -> Reckoning:
    """Ends the workers, and returns what is on the list, on the log, in the tables; nothing can follow."""
    till.crew.stop()
    watch, calls = till.watch, till.server.calls()
    watch.look()
    answered = Counter(each["idempotency_key"] for each in calls if each["outcome"] == "answered" and each["status"])
    decided = [watch.decided[number] for number in sorted(watch.decided)]
    billed, held = (sum(getattr(each, name) for each in decided) for name in ("billed_usd_micros", "held_usd_micros"))
    unlike = []
    if decided != watch.expected:
        unlike.append(f"{len(decided)} entries on the log, {len(watch.expected)} decided from zero")
    if (kept := _kept(till)) != watch.book:
        unlike.append(f"the table at {kept and kept.sequence}, not {watch.book.sequence}")
    if (disk := _disk(till)) != watch.book:
        unlike.append(f"the table on disk at {disk and disk.sequence}, not {watch.book.sequence}")
    wanted = [billed, held, len(decided), watch.book.sequence]
    if (sums := _sums(till)) != wanted:
        unlike.append(f"ClickHouse says {sums}, not {wanted}")
    if letters := sum(len(batch) for batch in read_all(till.arena.bootstrap, ["dead-letters"])):
        unlike.append(f"{letters} dead letters")
    return Reckoning(
        cap=till.cap,
        bill=sum(each["cost_usd_micros"] for each in calls),
        ledger=billed,
        asked=len(calls),
        lost=sum(len(watch.outcomes[call_id]) != 1 for call_id in till.calls),
        doubled=sum(number > 1 for key, number in answered.items()),
        open=sum(1 for _ in watch.book.holds),
        unlike=unlike,
    )


def _kept(till: Till) -> Book | None:
    """Returns the tenant's book as the changelog tells it from its beginning."""
    log, topic = KafkaLog(till.arena.bootstrap), f"{till.arena.prefix}.{Accounts.name}-changelog"
    found: Book | None = None
    for partition, end in log.ends(topic).items():
        fold = Fold()
        for records in log.read(topic, partition, 0, end) if end else ():
            for change in fold.take(records):
                if change.key == till.tenant.encode() and change.value:
                    found = _book(change.value)
    return found


def _disk(till: Till) -> Book | None:
    """Returns the tenant's book from the disk of the worker that wrote last."""
    last, found = -1, None
    for path in till.arena.place.glob(f"*/{Accounts.name}/state/*"):
        if not path.is_dir():
            continue
        db = rocksdict.Rdict(str(path), rocksdict.Options(raw_mode=True))
        value, place = db.get(STATE + till.tenant.encode()), db.get(POSITION)
        db.close()
        at = msgspec.msgpack.decode(place, type=Position).offset if place else 0
        if value and at > last:
            last, found = at, _book(value)
    return found


def _book(value: bytes) -> Book:
    return msgspec.msgpack.decode(msgspec.msgpack.decode(value, type=Kept).state, type=Book)


def _sums(till: Till) -> list[int]:
    arguments = [till.arena.bootstrap, till.arena.registry, str(till.arena.place / "clickhouse")]
    argv = [sys.executable, "-m", "tests.chaos.reckoning", *arguments]
    said = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, timeout=120).stdout
    return [int(each) for each in said.decode().split()]


def main(bootstrap: str, registry: str, folder: Path) -> None:
    """Writes the topic to ClickHouse, and prints the sums."""
    from sinks.clickhouse import ClickHouseSink
    from sinks.embedded import ChdbEngine

    engine = ChdbEngine(folder)
    sink = ClickHouseSink(engine, codec_of(registry), ["budget-entries"])
    sink.prepare()
    log = KafkaLog(bootstrap)
    for (topic, partition), end in ends(bootstrap, ["budget-entries"]).items():
        for records in log.read(topic, partition, 0, end) if end else ():
            assert not sink.write(records)
    print(engine.execute(f"{SUMS} FORMAT TSVRaw").decode())
    engine.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
