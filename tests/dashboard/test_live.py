"""Live shows what happens as it happens, and in the end what the analytics say."""

import gzip
import os
import time
from itertools import islice
from pathlib import Path

from playwright.sync_api import Page

from tests.conftest import SHARED
from tests.dashboard.conftest import Seat
from tests.dashboard.platform import PERSON, REAL, Platform
from tests.dashboard.screen import eventually, figures, go, is_live, sign_in
from tests.harness import ROOT

INCIDENTS = SHARED / "volvo-it-incidents.csv.gz"
DAY = ROOT / "examples/dealership/day.jsonl"
ROWS = 400
"""That are taken of the real data: more would only take longer."""
MOVES_S, MOVES_LOADED_S = 3.0, 60.0
"""Within how long Live moves; what it may take on a machine that has more to do than it has cores."""
COUNTED = "Events counted, by status"
MOVED = """(label) => {
  window.moved = 0;
  const read = () => document.querySelector(`[aria-label="${label}"] tbody`)?.innerText ?? "";
  const before = read();
  new MutationObserver((_, observer) => {
    if (read() === before) return;
    window.moved = Date.now();
    observer.disconnect();
  }).observe(document.querySelector("main"), { childList: true, subtree: true, characterData: true, attributes: true });
}"""


def real(folder: Path) -> tuple[Path, str]:
    """Returns a file of real data, when it is there, else of the example; and its source."""
    if not INCIDENTS.is_file():
        return DAY, "dealership"
    file = folder / "incidents.csv.gz"
    with gzip.open(INCIDENTS, "rt") as whole, gzip.open(file, "wt") as part:
        part.writelines(islice(whole, ROWS + 1))
    return file, "volvo-it"


def shown(page: Page) -> dict[tuple[str, str], int]:
    """Returns what Live has counted of runs and decisions, by status."""
    counted = figures(page, COUNTED)
    return {(of, status): number for (of, status), number in counted.items() if of in ("runs", "decisions")}


def asked(platform: Platform) -> dict[tuple[str, str], int]:
    """Returns the same as `auterity query` says it."""
    runs = platform.auterity("query", "SELECT status, count() FROM workflow_runs GROUP BY status", "--tenant", REAL)
    decided = "SELECT outcome, count() FROM compliance_decisions GROUP BY outcome"
    decisions = platform.auterity("query", decided, "--tenant", REAL)
    found = {("runs", status): int(number) for status, number in runs["rows"]}
    return found | {("decisions", outcome): int(number) for outcome, number in decisions["rows"]}


def more(after: dict[tuple[str, str], int], before: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """Returns what has come to it."""
    return {each: number - before.get(each, 0) for each, number in after.items() if number != before.get(each, 0)}


def test_an_ingest_moves_live_within_three_seconds_and_in_the_end_it_shows_what_the_analytics_say(
    platform: Platform, page: Page, seat: Seat, tmp_path: Path
) -> None:
    file, source = real(tmp_path)
    platform.settle()
    sign_in(page, platform, PERSON, platform.recovery[REAL].pop(), REAL)
    is_live(page)
    analyst = seat("analyst", REAL)  # who may see decisions, too
    go(analyst, "/")
    is_live(analyst)
    counted, counted_all, before = shown(page), shown(analyst), asked(platform)
    open_before = [run_id for [run_id] in platform.rows("SELECT DISTINCT run_id FROM workflow_runs", REAL)]
    began_ms = time.time() * 1000
    page.evaluate(MOVED, COUNTED)

    ingest = platform.begun("ingest", str(file), "--source", source, "--tenant", REAL)
    try:
        eventually(page, lambda: bool(page.evaluate("window.moved")))
        eventually(page, lambda: ingest.poll() is not None)
        assert ingest.returncode == 0
    finally:
        ingest.kill()
        ingest.wait()
    runs = (
        "SELECT countIf(status = 'started') = countIf(status IN ('completed', 'failed', 'refused')) FROM workflow_runs"
    )
    new = f"{runs} WHERE run_id NOT IN ({', '.join(map(repr, open_before)) or repr('')})"
    eventually(page, lambda: platform.rows(new, REAL) == [[1]])
    platform.settle()

    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    first = min(recorded for _, recorded in platform.on_log("business-events") if recorded >= began_ms)
    moved_s = (page.evaluate("window.moved") - first) / 1000
    bound = MOVES_S if load <= cores else MOVES_LOADED_S
    print(
        f"\nLive moved {moved_s:.2f} s after the log had the first event; bound {bound:.0f} s at a load of {load:.1f}"
    )
    assert moved_s <= bound
    came = more(asked(platform), before)
    eventually(analyst, lambda: more(shown(analyst), counted_all) == came, seen=lambda: (shown(analyst), came))
    runs_came = {each: number for each, number in came.items() if each[0] == "runs"}
    eventually(page, lambda: more(shown(page), counted) == runs_came, seen=lambda: (shown(page), runs_came))
    print("both Live and auterity query:", came)
    assert came[("runs", "started")] == came[("runs", "completed")] + came.get(("runs", "refused"), 0) + came.get(
        ("runs", "failed"), 0
    )
