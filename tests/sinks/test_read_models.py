"""The read models on SQLite and PostgreSQL: the same rows, whatever is delivered again, refused, or built anew."""

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, select, text

from domain.projections import changes, folded
from domain.read_models import ROWS, TOPICS, Decision, Run, Step
from domain.reading import Query
from schemas.errors import Unavailable
from schemas.record import Record
from sinks.read_models.reader import Reader
from sinks.read_models.sink import AnotherLog, ReadModelSink
from sinks.read_models.store import BadUrl, StoreUnavailable, reading, server, turn, writing
from sinks.read_models.tables import APPLIED, METADATA, table
from tests.domain.simulation import case
from tests.event_strategies import NUMBERS, codec, next_version


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Where the read models rest: None for a file, or a database that is new."""
    if request.param == "sqlite":
        yield None
        return
    first = request.getfixturevalue("postgres")
    name = f"test_{uuid4().hex[:8]}"
    admin = create_engine(server(first), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield f"{first.rpartition('/')[0]}/{name}"
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


class Store:
    """A sink over a store, and what is in it."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self.engine = writing(folder, url)
        self.folder = folder
        self.url = url
        self.asked: list[str] = []
        self.codec = codec()
        self.sink = ReadModelSink(self.engine, self.codec, self._learn, "kafka")
        self.applied = self.sink.prepare()

    def _learn(self, topic: str) -> None:
        self.asked.append(topic)
        self.codec.learn(topic, 99, next_version(self.codec.schema(topic, NUMBERS[topic])))

    def rows(self) -> dict[str, list[Any]]:
        """Returns every row of every table."""
        with turn(self.engine) as connection:
            found = {each.name: connection.execute(select(each)).all() for each in METADATA.sorted_tables}
        return {name: sorted(map(repr, each)) for name, each in found.items()}


@pytest.fixture
def store(tmp_path: Path, url: str | None) -> Iterator[Store]:
    store = Store(tmp_path, url)
    yield store
    store.engine.dispose()


def log(seed: int = 6) -> list[Record]:
    """Returns the records of a flow with many steps, and with repetitions."""
    return [record for record in case(seed).flow(seed, faults=True).records(codec()) if record.topic in TOPICS]


def test_the_tables_hold_the_rows_that_the_records_say_whatever_is_delivered_again(store: Store) -> None:
    records = log()
    random = Random(1)
    at = 0
    while at < len(records):
        store.sink.write(records[max(0, at - random.randrange(20)) : at + 40])
        at += 40

    expected = folded({}, [changes(store.codec.decode(record), record) for record in records])
    with turn(store.engine) as connection:
        for kind in ROWS:
            found = {
                row.key: row for row in (kind(**each._mapping) for each in connection.execute(select(table(kind))))
            }
            assert found == {key: each for (of, key), each in expected.items() if of is kind}
        ends = {(row.topic, row.partition): row.offset for row in connection.execute(select(APPLIED))}
    assert ends == {(record.topic, record.partition): record.offset + 1 for record in records}


def test_what_is_migrated_is_what_is_declared(store: Store) -> None:
    with turn(store.engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    assert store.sink.prepare() == {}


def test_a_rebuilt_store_is_the_live_one_row_by_row_and_the_live_one_goes_on_behind_it(store: Store) -> None:
    records = log()
    half = len(records) // 2
    store.sink.write(records[:half])
    live = Store(store.folder, store.url)

    def read(_: Any) -> Iterator[Sequence[Record]]:
        yield records[: half + 50]

    assert store.sink.rebuild(dict, read) == half + 50
    live.sink.write(records[half:])
    found = live.rows()
    store.sink.rebuild(dict, lambda _: [records])

    assert store.rows() == found
    live.engine.dispose()


def test_a_store_of_another_kafka_is_refused_until_it_is_made_anew(store: Store) -> None:
    store.sink.write(log())

    sink = ReadModelSink(store.engine, store.codec, print, "elsewhere")
    with pytest.raises(AnotherLog, match="of another Kafka than elsewhere"):
        sink.prepare()

    sink.rebuild(dict, lambda _: [log()])
    assert sink.prepare() != {}


def test_a_rebuild_that_breaks_off_leaves_the_old_rows(store: Store) -> None:
    records = log()
    store.sink.write(records)
    before = store.rows()

    def read(_: Any) -> Iterator[Sequence[Record]]:
        yield records[:10]
        raise Unavailable("Kafka is away")

    with pytest.raises(Unavailable, match="Kafka is away"):
        store.sink.rebuild(dict, read)

    assert store.rows() == before


def test_a_schema_of_a_later_release_is_asked_for_and_what_cannot_be_read_is_refused(store: Store) -> None:
    records = [record for record in log() if record.topic == "workflow-runs"][:4]
    value = records[1].value
    assert value is not None
    unknown = msgspec.structs.replace(records[1], value=value[:1] + (1234).to_bytes(4) + value[5:])

    (refused,) = store.sink.write([records[0], unknown, *records[2:]])

    assert (refused.record, str(refused.error)) == (unknown, "schema id 1234 is not of workflow-runs")
    assert store.asked == ["workflow-runs"]
    assert store.sink.write([unknown]) == []  # its place is in


async def test_a_tenant_reads_its_own_rows_and_nobody_reads_none(store: Store) -> None:
    records = log()
    store.sink.write(records)
    reader = Reader(reading(store.folder, store.url))
    try:
        for kind in (Run, Step, Decision):
            query = Query(of=kind, order=kind.KEY, limit=10_000)  # type: ignore[type-var]
            assert {row.tenant_id for row in await reader.rows("acme", query)} == {"acme"}
            assert await reader.rows("other", query) == []
            assert await reader.rows("' OR 1=1 --", query) == []
        assert sum(each.steps for each in await reader.agents("acme")) > 0
        assert await reader.agents("other") == []
        with pytest.raises(ValueError, match="nobody"):
            await reader.rows("", Query(of=Run, order=("run_id",), limit=1))
        applied = await reader.applied()
        assert applied.recorded_ms == max(record.timestamp_ms for record in records)
    finally:
        reader.close()


async def test_pages_follow_each_other_without_a_gap(store: Store) -> None:
    store.sink.write(log())
    reader = Reader(reading(store.folder, store.url))
    order = ("recorded_ms", "run_id", "step", "attempt")
    try:
        for newest_first in (False, True):
            whole = await reader.rows("acme", Query(of=Step, order=order, newest_first=newest_first, limit=10_000))
            paged: list[Step] = []
            while True:
                after = tuple(getattr(paged[-1], name) for name in order) if paged else ()
                query = Query(of=Step, order=order, newest_first=newest_first, after=after, limit=3)
                if not (page := await reader.rows("acme", query)):
                    break
                paged += page
            assert paged == whole
            assert len(whole) > 3
    finally:
        reader.close()


def test_a_reader_cannot_write(store: Store) -> None:
    engine = reading(store.folder, store.url)
    with engine.connect() as connection, pytest.raises(Exception, match=r"read-?only"):
        connection.execute(text("DELETE FROM runs"))
    engine.dispose()


async def test_a_store_that_is_not_there_does_not_answer(tmp_path: Path) -> None:
    reader = Reader(reading(tmp_path, None))
    with pytest.raises(StoreUnavailable):
        await reader.applied()
    assert list(tmp_path.iterdir()) == []
    reader.close()


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    store = Store(tmp_path, None)
    store.sink.write(log())
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {0o600}
    store.engine.dispose()


@pytest.mark.parametrize("wrong", ["mysql://a:secret@b/c", "no url secret", "sqlite:///secret"])
def test_a_url_of_something_else_is_refused_without_its_password(wrong: str) -> None:
    with pytest.raises(BadUrl) as error:
        server(wrong)
    assert "secret" not in str(error.value)
