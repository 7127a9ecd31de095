"""The store of answers: tenants apart, bounded, and emptied when anything about it is wrong."""

import asyncio
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.answer_cache import ENTRY_BYTES_MAX, AnswerCache, Bounds
from connectors.models.local_hash import vector
from domain.caches import CacheRules, Entry, Hit
from domain.ports import Answer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RULES = CacheRules(semantic=True, similarity_min=0.8)
TENANTS, KEYS, SCOPES = ["acme", "beta", ""], ["k1", "k2", "k3"], ["s1", "s2"]
TEXTS = ["how do I reset my password", "how do I reset my passwort please", "where is my invoice", ""]


def _entry(tenant_id: str = "acme", key: str = "k1", text: str = TEXTS[0], **more: Any) -> Entry:
    answer = Answer(text=f"{tenant_id}: answer to {key}", input_tokens=3, output_tokens=2)
    given: dict[str, Any] = {"scope": "s1", "call_id": "c", "at": NOW, "answer": answer, "cost_usd_micros": 7}
    return Entry(tenant_id=tenant_id, key=key, **(given | {"vector": vector(text)} | more))


async def _near(cache: AnswerCache, text: str, tenant_id: str = "acme", scope: str = "s1") -> Hit | None:
    return await cache.nearest(tenant_id, scope, vector(text), RULES, NOW)


async def test_what_was_put_is_found_by_its_key_and_by_what_is_near(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.db")
    await cache.put(_entry())
    await cache.put(_entry(key="k2", text=TEXTS[2]))

    exact, near = await cache.exact("acme", "k1", RULES, NOW), await _near(cache, "How do I reset MY password?")

    assert exact is not None
    assert near is not None
    assert exact.entry == near.entry == msgspec.structs.replace(_entry(), vector=[])
    assert (exact.saved_usd_micros, near.similarity > 0.9) == (7, True)
    assert await _near(cache, "something else altogether") is None
    await cache.close()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(TENANTS), st.sampled_from(KEYS), st.sampled_from(SCOPES), st.sampled_from(TEXTS)),
        max_size=12,
    ),
    st.sampled_from(TENANTS),
)
def test_nobody_ever_gets_what_another_tenant_asked(puts: list[tuple[str, str, str, str]], gone: str) -> None:
    async def run() -> None:
        with TemporaryDirectory() as folder:
            cache = AnswerCache(Path(folder) / "answers.db", Bounds(tenant_entries_max=2))
            for tenant_id, key, scope, text in puts:
                await cache.put(_entry(tenant_id, key, text, scope=scope))
            await cache.forget(gone)
            for tenant_id in TENANTS:
                hits = [await cache.exact(tenant_id, key, RULES, NOW) for key in KEYS]
                assert sum(each is not None for each in hits) <= 2
                hits += [await _near(cache, text, tenant_id, scope) for text in TEXTS for scope in SCOPES]
                assert all(each is None or each.entry.answer.text.startswith(f"{tenant_id}:") for each in hits)
                assert tenant_id != gone or not any(hits)
            await cache.close()

    asyncio.run(run())


async def test_answers_outlive_the_process_in_a_file_of_their_owner_only(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "here" / "answers.db")
    await cache.put(_entry())
    await cache.close()
    again = AnswerCache(tmp_path / "here" / "answers.db")

    assert await again.exact("acme", "k1", RULES, NOW) is not None
    assert stat.S_IMODE((tmp_path / "here" / "answers.db").stat().st_mode) == 0o600
    await again.close()


def _overwritten(file: Path) -> None:
    file.write_bytes(b"no database at all" * 500)


def _flipped(file: Path) -> None:
    data = bytearray(file.read_bytes())
    at = data.index(b"answer to k1")
    data[at] ^= 1
    file.write_bytes(data)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5_000])


def _sql(statement: str) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute(statement)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        _overwritten,
        _flipped,
        _cut,
        _sql("UPDATE answers SET tenant = 'beta'"),
        _sql("UPDATE answers SET key = 'k9'"),
        _sql("DELETE FROM vectors"),
        _sql("UPDATE answers SET body = x'00'"),
        _sql("UPDATE vectors SET vector = zeroblob(1024)"),
        _sql("UPDATE answers SET digest = NULL"),
        _sql("DROP TABLE answers"),
    ],
)
async def test_a_damaged_store_is_emptied_and_never_served(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    file = tmp_path / "answers.db"
    cache = AnswerCache(file)
    await cache.put(_entry())
    await cache.close()
    damage(file)

    again = AnswerCache(file)
    found = [await again.exact(tenant, key, RULES, NOW) for tenant in ("acme", "beta") for key in ("k1", "k9")]
    assert found == [None] * 4
    assert await _near(again, TEXTS[0]) is None

    await again.put(_entry())
    assert await again.exact("acme", "k1", RULES, NOW) is not None, "and it fills again"
    await again.close()


async def test_the_oldest_of_a_tenant_go_first_and_nobody_elses(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.db", Bounds(tenant_entries_max=2))
    await cache.put(_entry("beta", "k1", at=NOW - timedelta(hours=1)))
    for number, key in enumerate(("k1", "k2", "k3", "k3")):
        await cache.put(_entry("acme", key, at=NOW - timedelta(minutes=9 - number)))

    found = [await cache.exact("acme", key, RULES, NOW) is not None for key in KEYS]

    assert found == [False, True, True]
    assert await cache.exact("beta", "k1", RULES, NOW) is not None
    await cache.close()


async def test_when_all_is_full_who_has_most_gives_way(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.db", Bounds(bytes_max=6_000))
    await cache.put(_entry("beta"))
    for number in range(9):
        await cache.put(_entry("acme", f"k{number}", at=NOW + timedelta(seconds=number)))

    later = NOW + timedelta(seconds=9)
    assert await cache.exact("beta", "k1", RULES, later) is not None
    assert await cache.exact("acme", "k0", RULES, later) is None
    assert await cache.exact("acme", "k8", RULES, later) is not None
    await cache.close()


async def test_what_is_too_old_is_neither_given_nor_kept(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.db", Bounds(age_max_s=60))
    await cache.put(_entry())

    assert await cache.exact("acme", "k1", CacheRules(age_max_s=10), NOW + timedelta(seconds=11)) is None
    await cache.put(_entry(key="k2", at=NOW + timedelta(seconds=61)))
    assert await cache.exact("acme", "k1", CacheRules(age_max_s=3600), NOW + timedelta(seconds=61)) is None
    await cache.close()


async def test_an_answer_that_is_too_large_is_not_kept(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.db")
    await cache.put(_entry(answer=Answer(text="x" * ENTRY_BYTES_MAX, input_tokens=1, output_tokens=1)))

    assert await cache.exact("acme", "k1", RULES, NOW) is None
    await cache.close()


async def test_many_tasks_use_it_at_once(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.db")
    await asyncio.gather(*(cache.put(_entry(key=f"k{number % 20}")) for number in range(100)))

    hits = await asyncio.gather(*(cache.exact("acme", f"k{number % 20}", RULES, NOW) for number in range(100)))

    assert all(hits)
    await cache.close()
