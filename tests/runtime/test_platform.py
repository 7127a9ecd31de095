"""The platform as a person uses it: by its command line, on one machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka import begins, ends
from connectors.reader import read_all
from connectors.registry import Registry
from runtime.ask import TOKEN
from runtime.processes import recorded
from schemas.catalogue import TOPICS
from schemas.events import DeadLetter
from schemas.record import header
from sinks.client import query
from tests.harness import feed, raw, until

ROOT = Path(__file__).parents[2]
DAY = str(ROOT / "examples/dealership/day.jsonl")
NOUNS = [topic.noun for topic in TOPICS.values()]
CHECK_S = 0.5
"""How often the platforms of these tests look for records that Kafka's retention lets go."""

pytestmark = pytest.mark.servers


def auterity(*words: str, env: dict[str, str] | None = None, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Runs a command; its standard output and error apart."""
    often = {"AUTERITY_KAFKA_RETENTION_CHECK_MS": f"{CHECK_S * 1000:.0f}"}
    return subprocess.run(
        [sys.executable, "-m", "runtime.cli", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **often, **(env or {})},
        stdin=subprocess.DEVNULL,
        timeout=timeout,
        check=False,
    )


def answer(*words: str) -> Any:
    """Returns the one JSON document a command prints."""
    done = auterity(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Platform:
    """A running platform and its data directory."""

    def __init__(self, folder: Path, facts: dict[str, str]) -> None:
        self.folder = folder
        self.facts = facts
        self.bootstrap = facts["kafka"]
        self.registry = facts["registry"]

    def answer(self, *words: str) -> Any:
        return answer(*words, "--data-dir", str(self.folder))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return auterity(*words, "--data-dir", str(self.folder))

    def rows(self, sql: str, tenant: str | None = None) -> list[list[Any]]:
        """Asks the analytics as `auterity query` does, without a process for each question."""
        return query(self.facts["url"], (self.folder / TOKEN).read_text(), sql, tenant, 60).rows


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    done = auterity("up", "--detach", "--json", "--data-dir", str(folder))
    assert done.returncode == 0, done.stderr
    yield Platform(folder, json.loads(done.stdout))
    auterity("down", "--data-dir", str(folder))
    assert recorded(folder) == []


@pytest.fixture(scope="module")
def day(platform: Platform) -> dict[str, Any]:
    """The demo's day, taken in and worked off."""
    summary: dict[str, Any] = platform.answer("demo")
    return summary


@pytest.fixture(scope="module")
def old(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> float:
    """Fifty events of 2010, of the tenant `old`, taken in and worked off; since when they lie there."""
    file = tmp_path_factory.mktemp("old") / "old.csv"
    rows = [f"case-{n},Accepted,In Progress,2010-03-31T16:59:42+02:00,se" for n in range(50)]
    file.write_text(
        "case:concept:name,concept:name,lifecycle:transition,time:timestamp,organization country,impact,product,"
        "org:group,org:role,org:resource,organization involved,resource country\n"
        + "".join(f"{row},High,P,G,R,Ada,O,Sweden\n" for row in rows)
    )
    platform.answer("ingest", str(file), "--source", "volvo-it", "--tenant", "old")
    platform.answer("status", "--wait")
    return time.monotonic()


def test_up_returns_what_is_needed_to_reach_the_parts(platform: Platform) -> None:
    assert set(platform.facts) == {"url", "kafka", "registry", "data_dir", "gateway"}
    assert platform.facts["data_dir"] == str(platform.folder)
    assert platform.answer("up", "--detach") == platform.facts


def test_the_demo_refuses_some_runs_and_asks_no_model_for_them(platform: Platform, day: dict[str, Any]) -> None:
    assert (day["events"], day["runs"], day["dead_letters"], day["lag"]) == (400, 150, 0, 0)
    assert {"events", "runs", "steps", "decisions", "ai_calls", "cost_usd_micros", "seconds", "url"} <= day.keys()
    assert platform.rows("SELECT DISTINCT run_id FROM workflow_runs WHERE status = 'refused'", "dealership")
    assert platform.rows(
        "SELECT count() FROM ai_calls WHERE run_id IN (SELECT run_id FROM workflow_runs WHERE status = 'refused')"
    ) == [[0]]
    assert {"allowed", "remediated", "escalated", "refused"} == set(day["outcomes"])


def test_no_personal_data_of_the_day_reaches_a_model(platform: Platform, day: dict[str, Any]) -> None:
    asked = json.dumps(platform.rows("SELECT messages, answer FROM ai_calls WHERE tenant_id = 'dealership'"))
    for word in ("@example", "+49 30", "DE89 3704", "AT61 1904"):
        assert word not in asked


def test_status_is_idle_when_nothing_is_left_to_do(platform: Platform, day: dict[str, Any]) -> None:
    found = platform.answer("status", "--wait")
    assert found["idle"] is True
    assert set(found["lag"].values()) == {0}
    assert {part["name"] for part in found["parts"]} == {
        "kafka",
        "registry",
        "worker",
        "analytics",
        "read-models",
        "gateway",
        "platform",
    }


def test_a_run_is_shown_with_every_event_and_its_place(platform: Platform, day: dict[str, Any]) -> None:
    run_id = platform.rows("SELECT run_id FROM workflow_runs WHERE status = 'completed' LIMIT 1", "dealership")[0][0]
    shown = platform.answer("runs", "show", run_id)
    nouns = {event["noun"] for event in shown["events"]}
    assert nouns == {"requests", "workflow_runs", "agent_steps", "compliance_decisions", "ai_calls"}
    words = platform.run("runs", "show", run_id).stdout
    for word in ("request", "step", "before", "after", "AI call", "tokens", "micro-dollars", "dealership-rules v1"):
        assert word in words
    place = next(event["place"] for event in shown["events"] if event["noun"] == "ai_calls")
    assert place in words
    assert run_id in {each["run_id"] for each in platform.answer("runs", "list", "--limit", "1000")}


def test_replay_makes_every_decision_of_the_day_again(platform: Platform, day: dict[str, Any]) -> None:
    found = platform.answer("replay", "--verify")
    assert found["differences"] == 0
    assert found["checked"] > 2000
    assert {"checked", "differences", "digest", "seconds"} <= found.keys()
    assert platform.answer("replay", "--verify")["digest"] == found["digest"]


def test_a_replay_of_one_tenant_compares_its_records_only(platform: Platform, day: dict[str, Any], old: float) -> None:
    narrowed = platform.answer("replay", "--verify", "--tenant", "old")
    assert (narrowed["differences"], narrowed["topics"]["business-events"]["records"]) == (0, 50)
    assert narrowed["checked"] > 50
    other = platform.answer("replay", "--verify", "--tenant", "nobody")
    assert (other["checked"], other["differences"]) == (0, 0)


def test_events_are_shown_as_they_lie_on_the_log(platform: Platform, day: dict[str, Any]) -> None:
    found = platform.answer("events", "ai-calls", "--limit", "3")
    assert len(found) == 3
    assert all(each["_topic"] == "ai-calls" and len(each["_headers"]["x-digest"]) == 64 for each in found)
    chain = platform.answer("events", "requests", "--correlation-id", found[0]["correlation_id"])
    assert chain and {each["correlation_id"] for each in chain} == {found[0]["correlation_id"]}


def test_the_same_file_again_publishes_nothing(platform: Platform, day: dict[str, Any]) -> None:
    before = ends(platform.bootstrap, TOPICS)
    again = platform.answer("ingest", DAY, "--source", "dealership", "--tenant", "dealership")
    assert again == again | {"read": 400, "accepted": 0, "duplicates": 400, "rejected": 0}
    assert ends(platform.bootstrap, TOPICS) == before


def test_an_ingest_makes_an_unknown_tenant_by_an_event(platform: Platform, day: dict[str, Any]) -> None:
    assert platform.rows("SELECT count() FROM definitions WHERE kind = 'tenant' AND tenant_id = 'dealership'") == [[1]]


def test_a_tenant_sees_its_own_rows_only(platform: Platform, day: dict[str, Any]) -> None:
    for tenant, count in (("somebody-else", 0), ("dealership", 400)):
        found = platform.answer("query", "SELECT count() AS events FROM business_events", "--tenant", tenant)
        assert found == {"columns": ["events"], "rows": [[count]]}


BAD = [
    ("missing.csv", None, "missing.csv"),
    ("columns.csv", b"a,b\n1,2\n", "columns.csv"),
    ("binary.csv", bytes(range(256)) * 40, "binary.csv"),
    ("cut.csv.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcbH\xcd", "cut.csv.gz"),
    ("time.jsonl", b'{"at":"no time","event":"e","subject":"s","kind":"lead"}\n', "time.jsonl"),
]


@pytest.mark.parametrize(("name", "content", "word"), BAD, ids=[name for name, _, _ in BAD])
def test_a_bad_file_is_one_clear_line_that_names_it(
    platform: Platform, tmp_path: Path, name: str, content: bytes | None, word: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    done = platform.run("ingest", str(file), "--source", "dealership", "--tenant", "bad")
    _one_line(done, word)


def test_a_file_cut_in_the_middle_keeps_what_was_before(platform: Platform, tmp_path: Path) -> None:
    import gzip

    whole = gzip.compress((ROOT / "examples/dealership/day.jsonl").read_bytes())
    file = tmp_path / "half.jsonl.gz"
    file.write_bytes(whole[: len(whole) // 2])
    words = ("ingest", str(file), "--source", "dealership", "--tenant", "half")
    _one_line(platform.run(*words), "half.jsonl.gz")
    platform.answer("status", "--wait")
    kept = platform.rows("SELECT count() FROM business_events", "half")[0][0]
    assert 0 < kept < 400


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (
            (
                "ingest",
                "examples/dealership/day.jsonl",
                "--source",
                "dealership",
                "--tenant",
                "x",
                "--workflow",
                "nope",
            ),
            "nope",
        ),
        (("ingest", "examples/dealership/day.jsonl", "--source", "nowhere", "--tenant", "x"), "nowhere"),
        (("query", "SELECT nothing FROM nowhere"), "nowhere"),
        (("query", "DROP TABLE business_events_log"), "DropQuery"),
        (("events", "no-topic"), "no-topic"),
        (("runs", "show", "no-run"), "no-run"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_wrong_input_is_one_clear_line_that_names_it(platform: Platform, words: tuple[str, ...], word: str) -> None:
    done = auterity(
        *[str(ROOT / each) if each.endswith(".jsonl") else each for each in words], "--data-dir", str(platform.folder)
    )
    _one_line(done, word)


def test_a_record_that_cannot_be_decoded_is_a_dead_letter_and_the_rest_goes_on(platform: Platform) -> None:
    feed(platform, [raw("business-events", b"somebody", b"\x00\x00\x00\x00\x63not avro", [("note", b"7")])])
    platform.answer("status", "--wait")
    registry = Registry(platform.registry)
    codec = registry.codec()
    registry.close()
    letters = [codec.decode(each) for batch in read_all(platform.bootstrap, ["dead-letters"]) for each in batch]
    ours = [each for each in letters if isinstance(each, DeadLetter) and each.source_key == b"somebody"]
    assert {each.stage for each in ours} == {"triggers", "clickhouse"}
    assert {each.source_value for each in ours} == {b"\x00\x00\x00\x00\x63not avro"}
    assert platform.rows("SELECT count() FROM dead_letters WHERE source_key = 'somebody'") == [[2]]


def test_a_worker_that_dies_is_started_again(platform: Platform) -> None:
    (worker,) = [each for each in recorded(platform.folder) if each.name == "worker"]
    assert worker.record is not None
    old = worker.record.pid
    os.kill(old, signal.SIGKILL)

    def back() -> bool:
        found = [each for each in recorded(platform.folder) if each.name == "worker"]
        return bool(found) and found[0].record is not None and found[0].record.pid != old

    until(back, 30)
    platform.answer("status", "--wait")


def test_events_of_long_ago_outlive_kafkas_retention_check(platform: Platform, old: float) -> None:
    time.sleep(max(0.0, old + 6 * CHECK_S - time.monotonic()))
    assert set(begins(platform.bootstrap, ["business-events"]).values()) == {0}
    lying = [each for batch in read_all(platform.bootstrap, ["business-events"]) for each in batch]
    assert sum(header(each.headers, "ce_tenantid") == b"old" for each in lying) == 50
    assert len(lying) == sum(ends(platform.bootstrap, ["business-events"]).values())


def test_a_platform_killed_is_found_by_the_next_up_and_its_tables_are_rebuilt_when_lost(
    platform: Platform, day: dict[str, Any]
) -> None:
    folder, first = platform.folder, platform.facts
    before = {each.name: each.record.pid for each in recorded(folder) if each.record}
    os.kill(before["platform"], signal.SIGKILL)
    until(lambda: "platform" not in {each.name for each in recorded(folder)}, 10)
    second = platform.answer("up", "--detach")
    after = {each.name: each.record.pid for each in recorded(folder) if each.record}
    assert second["kafka"] == first["kafka"]
    assert after["kafka"] == before["kafka"]
    assert set(after) == {"platform", "kafka", "registry", "worker", "analytics", "read-models", "gateway"}
    assert platform.answer("status", "--wait")["idle"]
    platform.facts = second
    kept = {noun: platform.rows(f"SELECT count() FROM {noun}") for noun in NOUNS}
    platform.run("down")
    assert recorded(folder) == []
    shutil.rmtree(folder / "clickhouse")
    platform.facts = platform.answer("up", "--detach")
    assert platform.facts["kafka"] == first["kafka"]
    assert platform.answer("status", "--wait")["idle"]
    assert platform.rows("SELECT count() FROM business_events", "dealership") == [[400]]
    assert {noun: platform.rows(f"SELECT count() FROM {noun}") for noun in NOUNS} == kept


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (("status",), "auterity up"),
        (("ingest", "x.csv", "--source", "volvo-it", "--tenant", "t"), "auterity up"),
        (("up", "--data-dir", "{file}/below"), "{file}/below"),
        (("up", "--kafka-port", "{port}"), "{port}"),
    ],
    ids=["status", "ingest", "data-dir", "port"],
)
def test_what_cannot_start_says_why_in_one_line(tmp_path: Path, words: tuple[str, ...], word: str) -> None:
    import socket

    file = tmp_path / "file"
    file.write_text("in the way")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        facts = {"file": str(file), "port": str(taken.getsockname()[1])}
        full = [each.format(**facts) for each in words]
        if "--data-dir" not in full:
            full += ["--data-dir", str(tmp_path / "new")]
        done = auterity(*full)
    _one_line(done, word.format(**facts))


def test_a_kafka_that_is_down_is_named(tmp_path: Path) -> None:
    env = {"AUTERITY_KAFKA": "127.0.0.1:1", "AUTERITY_REGISTRY": "http://127.0.0.1:1"}
    _one_line(auterity("up", "--data-dir", str(tmp_path), env=env), "127.0.0.1:1")


def test_a_wrong_use_exits_with_2(tmp_path: Path) -> None:
    assert auterity("ingest").returncode == 2
    assert auterity("replay", "--data-dir", str(tmp_path)).returncode == 2


def _one_line(done: subprocess.CompletedProcess[str], word: str) -> None:
    """The last line on standard error says `auterity: ...` and names the thing; no traceback; exit status 1."""
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("auterity: ")]
    assert len(lines) == 1, done.stderr
    assert word in lines[0]
