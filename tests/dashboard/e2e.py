"""The page under 2,000 events a second, and for long: `make test-e2e`, with its figures printed."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.dashboard.conftest import Seat, unused
from tests.dashboard.platform import Platform
from tests.dashboard.screen import eventually, figures, go, is_live, sign_in
from tests.harness import ROOT

STORM_PER_S, STORM_S = 2000, 30
LONG_TASK_MS = 50
STEADY_PER_S = 100
LOOKS = 20
"""How often the heap is looked at."""
WARM = 0.25
"""The share of the looks in which what is kept (the series, the lists) still fills up."""
GROWTH_BYTES_MAX = 1_000_000
"""Of the heap in ten minutes, after that."""
SCRIPT_BYTES_MAX = 200_000
FIRST_MS_MAX = 1500
WATCH = """() => {
  window.watched = { tasks: [], frames: [], last: performance.now() };
  new PerformanceObserver((list) => list.getEntries().forEach((each) => watched.tasks.push(each.duration)))
    .observe({ entryTypes: ["longtask"] });
  const frame = (now) => { watched.frames.push(now - watched.last); watched.last = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""
FIRST_SCREEN = """new MutationObserver((_, observer) => {
  const head = document.querySelector("h1");
  if (head?.textContent !== "Live") return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.firstScreen = performance.now(); }));
}).observe(document, { childList: true, subtree: true, characterData: true });"""


def descendants(pid: int) -> list[int]:
    """Returns a process and all that it began."""
    parents: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents.setdefault(int(file.read_text().rpartition(")")[2].split()[1]), []).append(int(file.parent.name))
        except OSError:  # it has ended
            continue
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


def pinned(pids: Sequence[int], cores: set[int]) -> None:
    """Has these processes, with all their threads, run on these cores only."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("[0-9]*"):
            try:
                os.sched_setaffinity(int(task.name), cores)
            except ProcessLookupError:
                continue


@contextmanager
def apart(platform: Platform) -> Iterator[str]:
    """Gives browsers a core of their own, where there are two: nothing that sends takes from them."""
    cores = sorted(os.sched_getaffinity(0))
    browsers = [pid for pid in descendants(os.getpid()) if "chrom" in Path(f"/proc/{pid}/comm").read_text()]
    watcher = platform.process("platform").record
    assert watcher is not None
    others = [pid_of(platform, each) for each in ("kafka", "registry", "gateway", "read-models")]
    if len(cores) < 2:
        yield "one core for all"
        return
    pinned(browsers, {cores[-1]})
    pinned(others, set(cores[:-1]))
    try:
        yield f"browser on core {cores[-1]}, all else on {cores[:-1]}"
    finally:
        pinned([*browsers, *others], set(cores))


def pid_of(platform: Platform, name: str) -> int:
    """Returns the id of a process of the platform's."""
    record = platform.process(name).record
    assert record is not None
    return record.pid


@contextmanager
def sending(platform: Platform, rate: int, seconds: float) -> Iterator["subprocess.Popen[str]"]:
    """Sends events meanwhile, from a process that shares no core with the browser."""
    argv = [
        sys.executable,
        "-m",
        "tests.dashboard.sender",
        platform.bootstrap,
        platform.registry,
        str(rate),
        f"{seconds}",
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    sender = subprocess.Popen(argv, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(sender.pid, set(cores[:-1]))
    try:
        yield sender
    finally:
        sender.kill()
        sender.wait()
        if sender.stdout is not None:
            sender.stdout.close()


def told(page: Page) -> int:
    """Returns how many events Live has counted."""
    return sum(figures(page, "Events counted, by status").values())


def test_two_thousand_events_a_second_hold_up_no_click_for_fifty_milliseconds(platform: Platform, seat: Seat) -> None:
    page = seat()
    go(page, "/")
    is_live(page)
    before, load = told(page), os.getloadavg()[0]
    with platform.without("worker", "analytics"), apart(platform) as where:
        page.wait_for_timeout(3000)
        page.evaluate(WATCH)
        with sending(platform, STORM_PER_S, STORM_S) as sender:
            sender.wait(STORM_S * 10)
            assert sender.stdout is not None
            rate = int(sender.stdout.read())
        page.wait_for_timeout(3000)
        seen = page.evaluate("watched")
        counted = told(page) - before
    frames = sorted(seen["frames"])
    tasks = [round(each) for each in seen["tasks"]]
    print(
        f"\n{rate} events a second for {STORM_S} s, {counted} counted by the page; {where}; load {load:.1f}"
        f"\nmain-thread tasks over {LONG_TASK_MS} ms: {len(tasks)} {sorted(tasks, reverse=True)[:10]}"
        f"\nframes: {len(frames)}, median {median(frames):.1f} ms, 99 % {frames[len(frames) * 99 // 100]:.1f} ms, "
        f"longest {frames[-1]:.0f} ms"
    )
    assert counted > 0
    assert not tasks


def test_the_page_takes_no_more_memory_however_long_it_is_looked_at(
    platform: Platform, seat: Seat, request: pytest.FixtureRequest
) -> None:
    minutes = request.config.getoption("--minutes")
    page = seat()
    go(page, "/")
    is_live(page)
    session = page.context.new_cdp_session(page)
    looks: list[tuple[float, int]] = []
    print()
    with platform.without("worker", "analytics"), sending(platform, STEADY_PER_S, minutes * 60 + 60):
        for number in range(LOOKS + 1):
            session.send("HeapProfiler.collectGarbage")
            used = session.send("Runtime.getHeapUsage")["usedSize"]
            nodes = session.send("Memory.getDOMCounters")
            looks.append((number * minutes / LOOKS, used))
            at = f"after {looks[-1][0]:5.2f} min: {used / 1e6:6.2f} MB of heap"
            print(f"{at}, {nodes['nodes']} nodes, {nodes['jsEventListeners']} listeners")
            if number < LOOKS:
                page.wait_for_timeout(minutes * 60_000 / LOOKS)
    warm = looks[int(LOOKS * WARM) :]
    slope = linear_regression([at for at, _ in warm], [used for _, used in warm]).slope
    print(f"{slope / 1000:+.1f} kB a minute, over the last {(1 - WARM) * minutes:.1f} of {minutes:g} minutes")
    if minutes >= 10:  # a shorter look says too little
        assert slope * 10 < GROWTH_BYTES_MAX


def test_the_first_screen_is_there_soon_from_a_cold_cache(platform: Platform, browser: Browser) -> None:
    context = unused(browser)
    page = context.new_page()
    sign_in(page, platform)
    page.close()
    found = [first_screen(context, platform) for _ in range(3)]
    context.close()
    shown = ", ".join(f"{ms:.0f}" for ms, _ in found)
    size = max(size for _, size in found)
    print(f"\nfirst screen after {shown} ms from a cold cache; {size / 1000:.1f} kB of compressed script")
    assert 0 < size <= SCRIPT_BYTES_MAX
    assert min(ms for ms, _ in found) <= FIRST_MS_MAX, f"at a load of {os.getloadavg()[0]:.1f}"


def first_screen(context: BrowserContext, platform: Platform) -> tuple[float, int]:
    """Returns after how many milliseconds who is signed in sees Live, with nothing kept; and the bytes of script."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.send("Network.setBypassServiceWorker", {"bypass": True})
    scripts: set[str] = set()
    sizes: dict[str, int] = {}

    def responded(said: Any) -> None:
        if said["type"] == "Script":
            scripts.add(said["requestId"])

    def loaded(said: Any) -> None:
        sizes[said["requestId"]] = int(said["encodedDataLength"])

    session.on("Network.responseReceived", responded)
    session.on("Network.loadingFinished", loaded)
    page.add_init_script(FIRST_SCREEN)
    page.goto(platform.url)
    is_live(page)
    eventually(page, lambda: bool(page.evaluate("window.firstScreen")))
    found = page.evaluate("window.firstScreen"), sum(size for request, size in sizes.items() if request in scripts)
    page.close()
    return found
