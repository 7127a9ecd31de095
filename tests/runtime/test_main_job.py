"""The main job on the real files: two tenants at the same time, from rows to decisions that can be made again."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka import ends
from schemas.catalogue import TOPICS
from tests.conftest import SHARED
from tests.runtime.test_platform import NOUNS, Platform, auterity

VOLVO, SEPSIS = SHARED / "volvo-it-incidents.csv.gz", SHARED / "sepsis-cases.csv.gz"

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(not VOLVO.exists(), reason=f"the real data is not there: {VOLVO.name}"),
]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that has taken in both files at once and is idle again."""
    import json

    folder = tmp_path_factory.mktemp("main-job")
    done = auterity("up", "--detach", "--json", "--data-dir", str(folder))
    assert done.returncode == 0, done.stderr
    platform = Platform(folder, json.loads(done.stdout))
    both = [_ingest(folder, VOLVO, "volvo-it", "volvo"), _ingest(folder, SEPSIS, "sepsis", "hospital")]
    assert [each.wait(600) for each in both] == [0, 0]
    done = auterity("status", "--wait", "--data-dir", str(folder), timeout=600)
    assert done.returncode == 0, done.stderr
    yield platform
    auterity("down", "--data-dir", str(folder))


def test_every_row_is_one_event_of_its_tenant(platform: Platform) -> None:
    found = platform.rows("SELECT tenant_id, count(), uniqExact(event_id) FROM business_events GROUP BY 1 ORDER BY 1")
    assert found == [["hospital", 13775, 13775], ["volvo", 65533, 65533]]


def test_every_case_has_one_run_and_all_are_completed(platform: Platform) -> None:
    sql = "SELECT tenant_id, uniqExact(run_id), uniqExactIf(run_id, status = 'completed'), count() FROM workflow_runs"
    found = platform.rows(f"{sql} GROUP BY 1 ORDER BY 1")
    assert found == [["hospital", 846, 846, 2 * 846], ["volvo", 7554, 7554, 2 * 7554]]


def test_every_run_has_its_decisions_its_steps_and_exactly_one_ai_call(platform: Platform) -> None:
    for noun in ("compliance_decisions", "agent_steps", "ai_calls"):
        missing = f"SELECT count() FROM workflow_runs WHERE run_id NOT IN (SELECT run_id FROM {noun})"
        assert platform.rows(missing) == [[0]]
    calls = "SELECT run_id, uniqExact(call_id) AS calls, countIf(status = 'completed') AS ends FROM ai_calls GROUP BY 1"
    assert platform.rows(f"SELECT calls, ends, count() FROM ({calls}) GROUP BY 1, 2") == [[1, 1, 8400]]


def test_a_tenth_of_the_decisions_is_not_plain_allowed_and_none_ends_a_run(platform: Platform) -> None:
    share = "countIf(outcome != 'allowed') / count()"
    assert platform.rows(f"SELECT {share} FROM compliance_decisions WHERE tenant_id = 'volvo'")[0][0] >= 0.1
    assert platform.rows("SELECT count() FROM workflow_runs WHERE status = 'refused'") == [[0]]
    assert platform.rows(
        "SELECT count() FROM ai_calls WHERE positionCaseInsensitive(toString(messages), 'Siebel') > 0"
    ) == [[0]]


def test_every_event_belongs_to_a_request_and_has_a_cause_on_the_log(platform: Platform) -> None:
    for noun in ("workflow_runs", "agent_steps", "compliance_decisions", "ai_calls"):
        sql = f"SELECT count() FROM {noun} WHERE correlation_id NOT IN (SELECT correlation_id FROM requests)"
        assert platform.rows(sql) == [[0]]
    ids = " UNION ALL ".join(f"SELECT event_id FROM {noun}" for noun in NOUNS)
    causes = " UNION ALL ".join(f"SELECT causation_id AS cause FROM {noun}" for noun in NOUNS)
    sql = f"SELECT count() FROM ({causes}) WHERE cause IS NOT NULL AND cause NOT IN ({ids})"
    assert platform.rows(sql) == [[0]]


def test_the_same_file_again_adds_no_row_and_publishes_nothing(platform: Platform) -> None:
    before = ends(platform.bootstrap, TOPICS)
    again = platform.answer("ingest", str(VOLVO), "--source", "volvo-it", "--tenant", "volvo")
    assert again == again | {"read": 65533, "accepted": 0, "duplicates": 65533, "rejected": 0}
    assert ends(platform.bootstrap, TOPICS) == before


def test_every_decision_can_be_made_again_from_the_log(platform: Platform) -> None:
    found = platform.answer("replay", "--verify")
    assert (found["differences"], found["pending"]) == (0, 0)
    assert found["checked"] == 79308 + 2 * 8400 + 9 * 8400 + 6 * 8400 + 8400


def test_no_record_was_given_up(platform: Platform) -> None:
    assert platform.rows("SELECT count() FROM dead_letters") == [[0]]


def _ingest(folder: Path, file: Path, source: str, tenant: str) -> "subprocess.Popen[Any]":
    words = ["ingest", str(file), "--source", source, "--tenant", tenant, "--data-dir", str(folder), "--json"]
    return subprocess.Popen([sys.executable, "-m", "runtime.cli", *words], stdout=subprocess.DEVNULL)
