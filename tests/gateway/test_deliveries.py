"""A delivery is begun by one, kept when it was taken, and forgotten when it was not: for all who share the memory."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from memory_deliveries import MemoryDeliveries
from redis_server import patient, server  # noqa: F401  (fixtures)

from domain.webhooks import Taken
from gateway.deliveries import (
    KEPT_S,
    LEASE_S,
    Deliveries,
    FileDeliveries,
    SharedDeliveries,
    Unremembered,
)
from gateway.limits import Shared

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


@pytest.fixture(params=["memory", "file", "redis"])
async def pair(request: Any, tmp_path: Path) -> AsyncIterator[tuple[Deliveries, Deliveries]]:
    """The memory as two gateways have it."""
    if request.param == "memory":
        found = MemoryDeliveries()
        yield found, found
    elif request.param == "file":
        path = tmp_path / "deliveries.sqlite"
        with closing(FileDeliveries(path)) as first, closing(FileDeliveries(path)) as second:
            yield first, second
    else:
        url = request.getfixturevalue("server").url
        one, other = Shared(url), Shared(url)
        yield SharedDeliveries(one), SharedDeliveries(other)
        await one.close()
        await other.close()


async def test_what_one_gateway_has_taken_no_other_takes(pair: tuple[Deliveries, Deliveries]) -> None:
    one, other = pair
    assert await one.begin("p", "a", NOW) is None
    assert await other.begin("p", "b", NOW) == Taken("a", False)
    await one.keep("p", "a", NOW)
    assert await other.begin("p", "a", NOW) == await one.begin("p", "b", NOW) == Taken("a", True)
    assert await other.begin("q", "a", NOW) is None


async def test_what_was_not_taken_may_come_again(pair: tuple[Deliveries, Deliveries]) -> None:
    one, other = pair
    assert await one.begin("p", "a", NOW) is None
    await one.forget("p")
    assert await other.begin("p", "b", NOW) is None


async def test_what_nobody_ended_ends_with_its_lease_and_what_was_kept_after_three_days(tmp_path: Path) -> None:
    with closing(FileDeliveries(tmp_path / "deliveries.sqlite")) as file:
        await _run_out(MemoryDeliveries())
        await _run_out(file)


async def _run_out(found: Deliveries) -> None:
    assert await found.begin("p", "a", NOW) is None
    later = NOW + timedelta(seconds=LEASE_S)
    assert await found.begin("p", "b", later) is None
    await found.keep("p", "b", later)
    assert await found.begin("p", "b", later + timedelta(seconds=KEPT_S - 1)) == Taken("b", True)
    assert await found.begin("p", "b", later + timedelta(seconds=KEPT_S)) is None


async def test_a_file_that_cannot_be_written_takes_nothing(tmp_path: Path) -> None:
    (tmp_path / "no folder").write_text("")
    with pytest.raises(Unremembered, match="no folder"):
        await FileDeliveries(tmp_path / "no folder" / "deliveries.sqlite").begin("p", "a", NOW)


async def test_a_file_that_failed_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "deliveries.sqlite"
    with closing(FileDeliveries(path)) as found:
        assert await found.begin("p", "a", NOW) is None
        with closing(sqlite3.connect(path)) as file:
            file.execute("DROP TABLE deliveries")
        with pytest.raises(Unremembered, match="no such table"):
            await found.keep("p", "a", NOW)
        assert await found.begin("p", "a", NOW) is None
