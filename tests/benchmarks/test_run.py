"""One small run of our rows by the command line, without a peer that would have to be fetched."""

import json
import subprocess
import sys

EVENTS = 2000


def test_a_run_measures_our_rows_and_prints_one_json_document() -> None:
    argv = [sys.executable, "-m", "runtime.cli", "bench", "--json", "--quick", "--events", str(EVENTS)]
    argv += ["--only", "replay", "--only", "to-clickhouse", "--peers", "librdkafka,chdb"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)

    assert not done.returncode, done.stderr
    report = json.loads(done.stdout)
    assert {(each["workload"], each["peer"]) for each in report["ratios"]} == {
        ("to-clickhouse", "chdb"),
        ("replay", "librdkafka"),
    }
    assert all(each["ratio"] > 0 for each in report["ratios"])
    ours = {each["workload"]: each for each in report["rows"] if each["who"] == "auterity"}
    assert list(ours) == ["to-clickhouse", "replay"]
    assert ours["replay"]["events"] == 4 * EVENTS
    assert report["skipped"] == report["notes"] == []
