"""What the command line prints: one JSON document, or words, tables and bars for a person."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid

err = Console(stderr=True)
out = Console()


def show(answer: Any, as_json: bool, say: Callable[[], object]) -> None:
    """Prints the answer: as one JSON document, or in words."""
    if as_json:
        sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
        sys.stdout.flush()
    else:
        say()


def fail(reason: str) -> None:
    err.print(f"auterity: {' '.join(reason.split())}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(1)


def note(text: str) -> None:
    err.print(text, style="dim", markup=False, highlight=False)


def facts(found: Any) -> None:
    for name, value in found.public().items():
        out.print(f"{name:9} {value}", highlight=False, soft_wrap=True)


def status(found: Any) -> None:
    for part in found.parts:
        out.print(f"{part.name:10} {part.state:11} {part.address}", highlight=False)
    for stage, count in found.lag.items():
        out.print(f"{stage:10} {'level' if not count else f'{count:,} to go'}", highlight=False)
        for place, behind in found.partitions.get(stage, {}).items():
            out.print(f"{'':10}   {place}: {behind:,}", highlight=False)
    out.print("idle" if found.idle else "busy: " + "; ".join(found.reasons), highlight=False)


def counts(found: dict[str, Any]) -> None:
    out.print(", ".join(f"{value:,} {name}" for name, value in found.items()), highlight=False)


def documents(found: list[Any]) -> None:
    for each in found:
        out.print_json(msgspec.json.encode(each).decode())


def findings(found: Any) -> None:
    for each in found:
        out.print("[green]ok[/]" if each.ok else "[red]no[/]", f"{each.what}: {each.found}", highlight=False)


def rows(columns: Any, found: Any) -> None:
    grid = Grid(*[str(column) for column in columns])
    for row in found:
        grid.add_row(*[str(value) for value in row])
    out.print(grid)


def verdict(found: Any, seconds: float) -> None:
    for topic, digest in found.digests.items():
        out.print(f"{topic:22} {found.records[topic]:>10,} records  {digest}", highlight=False, soft_wrap=True)
    out.print(
        f"{found.checked:,} decisions made again in {seconds} s: {len(found.differences)} differences, "
        f"{found.other_version} under another version, {found.pending} pending",
        highlight=False,
    )
    for each in found.differences[:1]:
        out.print(
            f"first: {each.topic}/{each.partition}/{each.offset} {each.field}: "
            f"recorded {each.recorded}, decided {each.decided}",
            markup=False,
        )


class Bar:
    """A progress bar on standard error that is called with what is done and what there is."""

    def __init__(self, quiet: bool) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=err,
            disable=quiet,
            transient=False,
        )
        self._task: Any = None

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, done: int, total: int, text: str = "") -> None:
        if self._task is None:
            self._task = self._progress.add_task(text, total=total)
        self._progress.update(self._task, completed=done, total=total, description=text)


def spinner(text: str, quiet: bool) -> AbstractContextManager[object]:
    return nullcontext() if quiet else err.status(text)
