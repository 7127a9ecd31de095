"""State by key on a log in memory and a real RocksDB: whatever happens to disk or process, the log has it all."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from schemas.errors import Unavailable
from streams.changelog import CLAIM, EPOCH_BYTES, Fenced, stamped
from streams.table import CACHE_BYTES, POSITION, encode
from tests.streams.doubles import CHANGELOG, READ_RECORDS, Lost, MemoryLog, TableOf, Tally, lose

KEYS = [f"key-{number}" for number in range(30)]
MEMORY = Path("/dev/shm")
"""Where there is such a folder, it is quicker than a disk."""
RUBBISH = b"\xde\xad\xbe\xef" * 4096


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def one(log: MemoryLog, tmp_path: Path) -> TableOf:
    return TableOf(log, tmp_path / "one")


@pytest.fixture
def two(log: MemoryLog, tmp_path: Path) -> TableOf:
    return TableOf(log, tmp_path / "two")


def again(log: MemoryLog, ended: TableOf) -> TableOf:
    """Returns the table of the next process on the same disk."""
    ended.ended()
    return TableOf(log, ended.folder)


async def filled(worker: TableOf, rounds: int = 3) -> dict[str, int]:
    """Writes every key several times; returns what is there then."""
    for number in range(rounds):
        await worker.put(0, **{key: number * 100 + place for place, key in enumerate(KEYS)})
    return {key: (rounds - 1) * 100 + place for place, key in enumerate(KEYS)}


async def test_a_key_never_written_has_no_state(one: TableOf) -> None:
    claim = await one.table.claim(0)

    assert one.table.get(claim, b"nobody") == ({}, None)


async def test_state_and_applied_offsets_are_read_back_as_they_were_written(one: TableOf) -> None:
    claim = await one.table.claim(0)
    await one.table.write(claim, {b"k": ({"requests": 7, "ai-calls": 9}, Tally(3, "text"))})
    claim.cache.clear()

    assert one.table.get(claim, b"k") == ({"requests": 7, "ai-calls": 9}, Tally(3, "text"))


async def test_writing_nothing_puts_nothing_on_the_log(log: MemoryLog, one: TableOf) -> None:
    claim = await one.table.claim(0)
    await one.table.write(claim, {})

    assert log.end() == 1


async def test_a_partition_is_claimed_once_however_many_ask_at_the_same_time(log: MemoryLog, one: TableOf) -> None:
    claims = await asyncio.gather(*(one.table.claim(0) for _ in range(20)))

    assert all(claim is claims[0] for claim in claims)
    assert log.end() == 1


async def test_each_assignment_is_claimed_anew(log: MemoryLog, one: TableOf) -> None:
    await one.put(a=1)
    one.generation = 2
    await one.put(b=2)

    assert [record.key for record in log.records()] == [CLAIM, b"a", CLAIM, b"b"]
    assert await one.all(["a", "b"]) == {"a": 1, "b": 2}


async def test_partitions_have_nothing_to_do_with_each_other(one: TableOf) -> None:
    await one.put(0, a=1)
    await one.put(1, a=2)

    assert (await one.all(["a"], 0), await one.all(["a"], 1)) == ({"a": 1}, {"a": 2})


async def test_an_empty_disk_is_filled_from_the_log_alone(one: TableOf, two: TableOf) -> None:
    model = await filled(one)

    assert await two.all(KEYS) == model


async def test_twenty_thousand_keys_are_all_there_from_the_log_alone(one: TableOf, two: TableOf) -> None:
    keys = [f"key-{number}" for number in range(20_000)]
    for begin in range(0, len(keys), 2000):
        await one.put(0, **{key: begin + place for place, key in enumerate(keys[begin : begin + 2000])})

    assert await two.all(keys) == {key: place for place, key in enumerate(keys)}


async def test_a_disk_behind_the_log_takes_in_what_it_lacks(log: MemoryLog, one: TableOf, two: TableOf) -> None:
    await filled(one)
    await two.put(a=1, **{KEYS[0]: 999})

    found = await again(log, one).all(["a", *KEYS[:2]])

    assert found == {"a": 1, KEYS[0]: 999, KEYS[1]: 201}


async def test_a_disk_at_the_end_of_the_log_reads_nothing_again(log: MemoryLog, one: TableOf) -> None:
    await filled(one)
    end = log.end()
    read: list[int] = []
    log.reading = read.append

    await again(log, one).table.claim(0)

    assert [offset for offset in read if offset < end] == []


async def test_a_disk_of_another_log_is_thrown_away(tmp_path: Path, one: TableOf) -> None:
    await filled(one)
    one.ended()
    other = MemoryLog()
    stranger = TableOf(other, tmp_path / "stranger")
    await stranger.put(a=1)

    found = await TableOf(other, one.folder).all(["a", *KEYS])

    assert found == {"a": 1}


async def test_a_disk_that_is_gone_is_filled_from_the_log(log: MemoryLog, one: TableOf) -> None:
    model = await filled(one)
    one.ended()
    shutil.rmtree(one.folder)

    assert await TableOf(log, one.folder).all(KEYS) == model


async def test_a_disk_removed_under_a_running_worker_is_filled_by_the_next_one(log: MemoryLog, one: TableOf) -> None:
    model = await filled(one)
    shutil.rmtree(one.folder)
    await one.put(late=1)
    with suppress(Exception):  # it cannot be closed well; a process that ends does not ask
        one.ended()

    assert await TableOf(log, one.folder).all([*KEYS, "late"]) == model | {"late": 1}


def _overwrite(path: Path) -> None:
    path.write_bytes(RUBBISH)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [_overwrite, _empty, _cut, Path.unlink])
@pytest.mark.parametrize("files", ["CURRENT", "MANIFEST-*", "*.sst", "*.log"])
async def test_whatever_is_damaged_on_disk_the_state_is_that_of_the_log(
    log: MemoryLog, one: TableOf, files: str, damage: Callable[[Path], None]
) -> None:
    one, model = await settled_on_disk(log, one)
    for path in found(one, files):
        damage(path)

    assert await TableOf(log, one.folder).all(KEYS) == model


@pytest.mark.parametrize("part", [0.0, 0.1, 0.4, 0.6, 0.9, 0.98], ids=lambda part: f"{part:.0%}")
async def test_wherever_a_table_file_is_damaged_the_state_is_that_of_the_log(
    log: MemoryLog, one: TableOf, part: float
) -> None:
    one, model = await settled_on_disk(log, one)
    for path in found(one, "*.sst"):
        content = bytearray(path.read_bytes())
        content[int(part * len(content))] ^= 0xFF
        path.write_bytes(bytes(content))

    first = TableOf(log, one.folder)
    with suppress(Exception):  # the process that meets it may end of it
        await first.all(KEYS)
    assert await again(log, first).all(KEYS) == model


async def settled_on_disk(log: MemoryLog, worker: TableOf) -> tuple[TableOf, dict[str, int]]:
    """Returns the worker, ended, with table files and a write-ahead log on its disk, and what they hold."""
    await filled(worker)
    worker = again(log, worker)  # what was in its write-ahead log is in a table file now
    model = await filled(worker, 4)
    worker.ended()
    return worker, model


def found(worker: TableOf, pattern: str) -> list[Path]:
    paths = list((worker.folder / "0").glob(pattern))
    assert paths
    return paths


async def test_a_disk_that_another_process_holds_is_left_alone(log: MemoryLog, one: TableOf) -> None:
    model = await filled(one)

    with pytest.raises(Unavailable, match="held by another process"):
        await TableOf(log, one.folder).table.claim(0)

    one.generation = 2
    assert await one.all(KEYS) == model


async def test_a_zombies_write_is_fenced_and_changes_nothing_on_its_own_disk(
    log: MemoryLog, one: TableOf, two: TableOf
) -> None:
    await one.put(a=1)
    await two.put(a=2)

    with pytest.raises(Fenced):
        await one.put(a=3, b=3)

    assert await one.all("ab") == {"a": 1}


async def test_what_a_zombie_wrote_is_undone_by_its_own_next_claim(one: TableOf, two: TableOf) -> None:
    await one.put(a=1)
    await two.put(a=2)
    with pytest.raises(Fenced):
        await one.put(a=3, b=3)

    one.generation = 2

    assert await one.all(["a", "b"]) == {"a": 2}


async def test_an_owner_finds_a_zombies_record_at_its_next_write(one: TableOf, two: TableOf) -> None:
    await one.put(a=1)
    await two.put(a=2)
    with pytest.raises(Fenced):
        await one.put(a=3)

    with pytest.raises(Fenced):
        await two.put(c=1)


async def test_an_owner_that_has_nothing_to_write_finds_a_zombies_record_by_looking(one: TableOf, two: TableOf) -> None:
    await one.put(a=1)
    await two.put(a=2)
    await two.table.verify()
    with pytest.raises(Fenced):
        await one.put(a=3)

    with pytest.raises(Fenced, match="partition 0 of test-changelog ends at"):
        await two.table.verify()


async def test_looking_finds_nothing_wrong_with_what_is_our_own(one: TableOf) -> None:
    await one.table.verify()
    await filled(one)
    one.generation = 2
    await one.table.verify()  # of an assignment that is over: somebody else may write there
    await filled(one)
    await one.put(1, a=1)

    await one.table.verify()


async def test_looking_while_writing_blames_nobody(one: TableOf) -> None:
    await one.put(a=0)
    writes = [one.put(0, **{f"k{number}": number}) for number in range(40)]
    looks = [one.table.verify() for _ in range(40)]

    await asyncio.gather(*(each for pair in zip(writes, looks, strict=True) for each in pair))


async def test_an_owner_that_found_a_zombies_record_has_all_after_its_next_claim(
    log: MemoryLog, one: TableOf, two: TableOf, tmp_path: Path
) -> None:
    await one.put(a=1, b=1)
    await two.put(a=2)
    with pytest.raises(Fenced):
        await one.put(a=3, c=3)
    with pytest.raises(Fenced):
        await two.put(d=4)

    model = {"a": 2, "b": 1, "d": 4}
    assert await again(log, two).all("abcd") == model
    log.compact(log.end())
    assert await TableOf(log, tmp_path / "three").all("abcd") == model


@pytest.mark.parametrize("moment", ["before the keys are said again", "while the log is read"])
async def test_a_process_that_ends_in_the_middle_of_a_claim_leaves_the_healing_to_the_next(
    log: MemoryLog, one: TableOf, two: TableOf, tmp_path: Path, moment: str
) -> None:
    await one.put(a=1, b=1)
    await two.put(a=2)
    with pytest.raises(Fenced):
        await one.put(a=3)
    two = again(log, two)

    def gone(offset: int) -> None:
        raise Lost(f"at {offset}")

    if moment == "while the log is read":
        for number in range(20):
            log.put(f"other-{number}".encode(), stamped(4, encode({}, Tally(number))))
        log.reading = lambda offset: gone(offset) if offset > 10 else None
    else:
        log.before = lose
    with pytest.raises(Lost):
        await two.table.claim(0)

    log.reading = log.before = lambda _: None
    assert await again(log, two).all("ab") == {"a": 2, "b": 1}
    log.compact(log.end())
    assert await TableOf(log, tmp_path / "three").all("ab") == {"a": 2, "b": 1}


async def test_a_claim_of_an_older_generation_cannot_write(log: MemoryLog, one: TableOf) -> None:
    old = await one.table.claim(0)
    one.generation = 2
    await one.put(a=2)
    end = log.end()

    with pytest.raises(Fenced, match="assigned anew"):
        await one.table.write(old, {b"a": ({}, Tally(1))})
    assert log.end() == end


async def test_an_append_that_somebody_else_came_into_is_fenced_and_the_log_decides(tmp_path: Path) -> None:
    log = MemoryLog(batch_records=2)
    one, two = TableOf(log, tmp_path / "one"), TableOf(log, tmp_path / "two")
    await one.put(a=1, b=1)
    log.between = lambda: log.put(CLAIM, b"claim") and None

    with pytest.raises(Fenced):
        await one.put(a=2, b=2, c=2, d=2)

    log.between = lambda: None
    assert await two.all("abcd") == {"a": 2, "b": 2}


async def test_a_process_that_ends_between_log_and_disk_has_its_write(
    log: MemoryLog, one: TableOf, tmp_path: Path
) -> None:
    model = await filled(one)
    log.after = lose
    with pytest.raises(Lost):
        await one.put(late=1, **{KEYS[0]: 999})
    log.after = lambda _: None
    shutil.copytree(one.folder, tmp_path / "as it was killed")

    found = await TableOf(log, tmp_path / "as it was killed").all([*KEYS, "late"])

    assert found == model | {"late": 1, KEYS[0]: 999}


async def test_a_process_that_is_killed_without_closing_its_disk_has_all_on_it(
    log: MemoryLog, one: TableOf, tmp_path: Path
) -> None:
    model = await filled(one)
    end = log.end()
    shutil.copytree(one.folder, tmp_path / "as it was killed")
    read: list[int] = []
    log.reading = read.append

    assert await TableOf(log, tmp_path / "as it was killed").all(KEYS) == model
    assert [offset for offset in read if offset < end] == []


async def test_a_write_that_never_reached_the_log_is_nowhere(log: MemoryLog, one: TableOf) -> None:
    await one.put(a=1)
    log.before = lose
    with pytest.raises(Lost):
        await one.put(a=2)
    log.before = lambda _: None

    claim = await one.table.claim(0)
    assert one.table.get(claim, b"a")[1] == Tally(1)
    assert await again(log, one).all("a") == {"a": 1}


async def test_a_claim_that_cannot_read_the_log_is_unavailable_and_works_later(
    log: MemoryLog, one: TableOf, two: TableOf
) -> None:
    model = await filled(one)

    def gone(offset: int) -> None:
        raise Lost(f"at {offset}")

    log.reading = gone
    with pytest.raises(Unavailable):
        await two.table.claim(0)

    log.reading = lambda _: None
    assert await two.all(KEYS) == model


async def test_states_that_pass_what_is_kept_in_memory_are_all_read(one: TableOf) -> None:
    text = "x" * 100_000
    claim = await one.table.claim(0)
    keys = [f"key-{number}".encode() for number in range(3 * CACHE_BYTES // len(text))]
    for number, key in enumerate(keys):
        await one.table.write(claim, {key: ({}, Tally(number, text))})

    assert len(claim.cache) < len(keys)
    assert [one.table.get(claim, key)[1] for key in keys] == [Tally(number, text) for number in range(len(keys))]
    assert claim.cached <= CACHE_BYTES + 2 * len(text)


async def test_a_state_larger_than_all_that_is_kept_in_memory_is_read(log: MemoryLog, one: TableOf) -> None:
    claim = await one.table.claim(0)
    large = Tally(1, "x" * (2 * CACHE_BYTES))
    await one.table.write(claim, {b"large": ({}, large), b"small": ({}, Tally(2))})
    await one.table.write(claim, {b"small": ({}, Tally(3))})

    one = again(log, one)
    claim = await one.table.claim(0)
    assert one.table.get(claim, b"large")[1] == large
    assert one.table.get(claim, b"small")[1] == Tally(3)


async def test_writes_of_one_partition_at_the_same_time_all_last(log: MemoryLog, one: TableOf) -> None:
    claim = await one.table.claim(0)
    states = {f"key-{number}".encode(): ({}, Tally(number)) for number in range(60)}

    await asyncio.gather(*(one.table.write(claim, {key: kept}) for key, kept in states.items()))

    found = await again(log, one).all([key.decode() for key in states])
    assert found == {key.decode(): tally.count for key, (_, tally) in states.items()}


async def test_the_key_under_which_a_disk_keeps_its_place_is_nobodys_state(one: TableOf) -> None:
    claim = await one.table.claim(0)

    assert one.table.get(claim, POSITION) == ({}, None)


async def test_a_state_under_an_empty_key_costs_no_other_its_state(log: MemoryLog, one: TableOf, two: TableOf) -> None:
    claim = await one.table.claim(0)
    with suppress(ValueError):  # refused, or kept: both will do
        await one.table.write(claim, {b"": ({}, Tally(1))})
    await one.put(a=1)

    assert await two.all("a") == {"a": 1}


@pytest.mark.parametrize("seed", range(3))
async def test_keys_of_any_bytes_keep_their_states(log: MemoryLog, one: TableOf, two: TableOf, seed: int) -> None:
    random = Random(seed)
    keys = {random.randbytes(random.choice((1, 2, 8, 300))) for _ in range(100)}
    claim = await one.table.claim(0)
    await one.table.write(claim, {key: ({}, Tally(len(key), key.hex())) for key in keys})

    claim = await two.table.claim(0)
    assert [two.table.get(claim, key)[1] for key in keys] == [Tally(len(key), key.hex()) for key in keys]


async def test_a_table_closed_lets_another_open_its_disk_at_once(log: MemoryLog, one: TableOf) -> None:
    for number in range(5):
        await one.put(a=number)
        one = again(log, one)

    assert await one.all("a") == {"a": 4}
    assert log.ends(CHANGELOG) == {0: 11}  # six claims, five writes


some_counts = st.dictionaries(st.sampled_from("abc"), st.integers(0, 99), min_size=1, max_size=2)
fates = st.sampled_from(("calm", "calm", "calm", "lost before", "lost after", "lost while reading"))


class Workers(RuleBasedStateMachine):
    """Three workers over one log that are assigned, overtaken, cut off and killed; what counts is the owner's.

    The owner is who claimed last. A write counts when it reaches the log while its writer is the owner, whatever the
    writer is told. The log is compacted as far as an owner has looked.
    """

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.log = MemoryLog()
        self.log.after = self._appended
        self.alive: dict[int, TableOf] = {}
        self.believes: set[int] = set()
        """Who takes the partition for their own."""
        self.generation = 0
        self.at_work = -1
        self.owner = -1
        self.intended: dict[str, int] = {}
        self.model: dict[str, int] = {}
        self.looked = 0
        """Up to here an owner has read the log, and said again what it had to."""

    @initialize(counts=some_counts)
    def begin(self, counts: dict[str, int]) -> None:
        self.take(0, counts, "calm")

    @rule(worker=st.integers(0, 2), counts=some_counts, fate=fates)
    def take(self, worker: int, counts: dict[str, int], fate: str) -> None:
        """A new generation of which all learn; its owner writes."""
        self._assign(worker)
        self.believes = {worker}
        for each in self.alive.values():
            each.generation = self.generation
        self._write(worker, counts, fate)

    @rule(worker=st.integers(0, 2), counts=some_counts, late=some_counts)
    def overtake(self, worker: int, counts: dict[str, int], late: dict[str, int]) -> None:
        """Who was frozen when the partition went to another writes late, and does not know it."""
        self._assign(worker)
        self.believes.add(worker)
        self._write(worker, counts, "calm")
        for zombie in sorted(self.believes - {worker}):
            self._write(zombie, late, "calm")

    @precondition(lambda self: self.believes)
    @rule(data=st.data(), counts=some_counts, fate=fates)
    def write(self, data: st.DataObject, counts: dict[str, int], fate: str) -> None:
        self._write(data.draw(st.sampled_from(sorted(self.believes))), counts, fate)

    def _assign(self, worker: int) -> None:
        self.generation += 1
        self.alive.setdefault(worker, TableOf(self.log, self.folder / str(worker)))
        self.alive[worker].generation = self.generation

    def _write(self, worker: int, counts: dict[str, int], fate: str) -> None:
        one, end, owned = self.alive[worker], self.log.end(), self.owner == worker
        held = one.table._claims.get(0)
        calm = fate == "calm" and (held is None or held.generation != one.generation or (owned and held.next == end))
        self.intended, self.at_work = counts, worker
        self._arrange(fate)
        try:
            self.runner.run(one.put(0, **counts))
            self._has_looked(worker)
        except (Fenced, Lost):
            assert not calm, "nobody else wrote, and all was answered"
            self._end(worker)
        finally:
            self._arrange("calm")

    @precondition(lambda self: self.believes)
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        """The write before it may be long ago: a zombie's record is found all the same."""
        worker = data.draw(st.sampled_from(sorted(self.believes)))
        one = self.alive[worker]
        held = one.table._claims.get(0)
        others = held is not None and held.generation == one.generation and held.next < self.log.end()
        try:
            self.runner.run(one.table.verify())
            assert not others
            self._has_looked(worker)
        except Fenced:
            assert others
            self._end(worker)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), wiped=st.booleans())
    def kill(self, data: st.DataObject, wiped: bool) -> None:
        worker = data.draw(st.sampled_from(sorted(self.alive)))
        self._end(worker)
        if wiped:
            shutil.rmtree(self.folder / str(worker), ignore_errors=True)

    @rule()
    def compact(self) -> None:
        self.log.compact(self.looked)

    def teardown(self) -> None:
        try:
            for worker in sorted(self.alive):
                self._end(worker)
            self._arrange("calm")
            assert self._all(str(max(0, self.at_work))) == self.model
            self.log.compact(self.log.end())
            for name in ("fresh", "0", "1", "2"):
                assert self._all(name) == self.model, name
        finally:
            self.runner.close()
            shutil.rmtree(self.folder)

    def _all(self, name: str) -> dict[str, int]:
        one = TableOf(self.log, self.folder / name)
        try:
            return self.runner.run(one.all("abc"))
        finally:
            one.ended()

    def _arrange(self, fate: str) -> None:
        self.log.before = lose if fate == "lost before" else lambda _: None
        self.log.after = self._appended_and_lost if fate == "lost after" else self._appended
        self.log.reading = lose_reading if fate == "lost while reading" else lambda _: None

    def _appended(self, keys: list[bytes]) -> None:
        if keys == [CLAIM]:
            self.owner = self.at_work
        elif self.at_work == self.owner:
            said = {
                record.key or b"": (record.value or b"")[EPOCH_BYTES:] for record in self.log.records()[-len(keys) :]
            }
            if said == {key.encode(): self._value(count) for key, count in self.intended.items()}:
                self.model |= self.intended
            else:  # said again, and as it was
                assert said == {key: self._value(self.model.get(key.decode())) for key in keys}

    @staticmethod
    def _value(count: int | None) -> bytes:
        return b"" if count is None else encode({"input": count}, Tally(count))

    def _appended_and_lost(self, keys: list[bytes]) -> None:
        self._appended(keys)
        lose(keys)

    def _has_looked(self, worker: int) -> None:
        if worker == self.owner:
            self.looked = self.log.end()

    def _end(self, worker: int) -> None:
        self.alive.pop(worker).ended()
        self.believes.discard(worker)


def lose_reading(offset: int) -> None:
    """Raises at the third batch."""
    if offset >= 2 * READ_RECORDS:
        raise Lost(f"at {offset}")


TestWorkers = Workers.TestCase
TestWorkers.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
