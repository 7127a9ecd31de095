"""One embedded ClickHouse for all tests here (a process has one folder), a database of its own for each."""

import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sink_records import codec

from sinks.clickhouse import ClickHouseSink
from sinks.embedded import ChdbEngine

NUMBER = count()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clickhouse") / "data"


@pytest.fixture(scope="session")
def engine(folder: Path) -> Iterator[ChdbEngine]:
    engine = ChdbEngine(folder)
    yield engine
    engine.close()


@pytest.fixture
def database(engine: ChdbEngine) -> Iterator[str]:
    name = f"test_{next(NUMBER)}"
    engine.execute(f"CREATE DATABASE {name}")
    yield name
    engine.execute(f"DROP DATABASE {name} SYNC")


@pytest.fixture
def rows(engine: ChdbEngine) -> Callable[[str], list[list[Any]]]:
    return lambda sql: [json.loads(line) for line in engine.execute(sql).splitlines()]


@pytest.fixture
def sink(engine: ChdbEngine, database: str) -> ClickHouseSink:
    sink = ClickHouseSink(engine, codec(), ("business-events",), database)
    sink.prepare()
    return sink
