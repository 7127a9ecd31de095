"""The report: medians, ratios, what was skipped; as JSON, for a terminal, and as the table of the README."""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from msgspec import Struct, field

from benchmarks.process import Figures
from benchmarks.workloads import OURS, WORKLOADS, Row, Workload

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


class Ratio(Struct, frozen=True):
    """Our events in a second divided by the peer's."""

    workload: str
    peer: str
    ratio: float
    cpu_ratio: float
    """Of events in a second of processor time: less shaken by whatever else the machine does."""


class Line(Struct, frozen=True, kw_only=True):
    """What one row measured, over its repetitions."""

    workload: str
    who: str
    events: int
    repetitions: int
    events_per_s: float
    """The median."""
    events_per_s_min: float
    events_per_s_max: float
    cpu_us_per_event: float
    """The median."""
    guarantees: str


class Skipped(Struct, frozen=True):
    """A row without figures, and why."""

    workload: str
    peer: str
    reason: str


class Report(Struct, frozen=True, kw_only=True):
    """The one JSON document."""

    ratios: list[Ratio] = field(default_factory=list)
    rows: list[Line] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    events: int
    repetitions: int
    seconds: float
    machine: dict[str, str]


COLUMNS = ("who", "events/s", "least, most", "CPU µs/event", "events", "ours / theirs", "per CPU second")


def line(workload: Workload, row: Row, found: Sequence[Figures]) -> Line:
    """Returns the medians of the row's repetitions."""
    rates = [each.events_per_s for each in found]
    return Line(
        workload=workload.name,
        who=row.who,
        events=found[0].events,
        repetitions=len(found),
        events_per_s=round(median(rates), 1),
        events_per_s_min=round(min(rates), 1),
        events_per_s_max=round(max(rates), 1),
        cpu_us_per_event=round(median(each.cpu_us_per_event for each in found), 2),
        guarantees=row.guarantees,
    )


def ratios(workload: Workload, found: Sequence[Line]) -> list[Ratio]:
    """Returns our median divided by each compared peer's; none when we have no figures ourselves."""
    by_who = {each.who: each for each in found}
    ours = by_who.get(OURS)
    if ours is None:
        return []
    made = []
    for row in workload.rows:
        peer = by_who.get(row.who)
        if row.compared and row.peer != OURS and peer is not None:
            ratio = round(ours.events_per_s / peer.events_per_s, 3)
            made.append(Ratio(workload.name, row.peer, ratio, round(peer.cpu_us_per_event / ours.cpu_us_per_event, 3)))
    return made


def machine(kept_apart: bool) -> dict[str, str]:
    """Returns what the figures depend on."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "measured_on": "a core of its own" if kept_apart else "a core shared with Kafka",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def markdown(report: Report) -> str:
    """Returns the figures as the README shows them."""
    facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in report.machine.items())
    said = [f"{report.events:,} events, {report.repetitions} repetitions, {report.seconds:.0f} s; {facts}."]
    by_peer = {(each.workload, each.peer): each for each in report.ratios}
    for workload in WORKLOADS:
        found = [each for each in report.rows if each.workload == workload.name]
        if not found:
            continue
        said += ["", f"**{workload.name}**: {workload.what}", ""]
        said += [f"| {' | '.join(COLUMNS)} | guarantees |", "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"]
        cells = [(*_cells(each, by_peer), each.guarantees) for each in found]
        said += [f"| {' | '.join(each)} |" for each in cells]
    for each in report.skipped:
        said += ["", f"Skipped: {each.workload}, {each.peer}: {each.reason}."]
    return "\n".join([*said, *(f"\n{note}" for note in report.notes)])


def grid(report: Report) -> tuple[list[str], list[list[str]]]:
    """Returns columns and rows for a terminal."""
    by_peer = {(each.workload, each.peer): each for each in report.ratios}
    return ["workload", *COLUMNS], [[each.workload, *_cells(each, by_peer)] for each in report.rows]


def write(report: Report, readme: Path) -> None:
    """Replaces what stands between the marks of the README."""
    head, _, rest = readme.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    readme.write_text(f"{head}{BEGIN}\n\n{markdown(report)}\n\n{END}{tail}")


def _cells(each: Line, by_peer: Mapping[tuple[str, str], Ratio]) -> tuple[str, ...]:
    ratio = by_peer.get((each.workload, each.who))
    return (
        each.who,
        f"{each.events_per_s:,.0f}",
        f"{each.events_per_s_min:,.0f}, {each.events_per_s_max:,.0f}",
        f"{each.cpu_us_per_event:,.1f}",
        f"{each.events:,} x {each.repetitions}",
        "" if ratio is None else f"{ratio.ratio:.2f}",
        "" if ratio is None else f"{ratio.cpu_ratio:.2f}",
    )


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = (each.partition(":")[2].strip() for each in text.splitlines() if each.startswith("model name"))
    return next(names, platform.machine())
