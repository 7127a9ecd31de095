"""R23: releases that differ in their schemas read each other; and a rolling upgrade under load."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import fastavro

from schemas import generate
from schemas.catalogue import FOLDER, TOPICS
from tests.chaos.reading import ID_STEP
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand
from tests.event_strategies import NUMBERS, body, next_version
from tests.harness import ROOT

VERSIONS = 3


def r23(stand: Stand, outcome: Outcome, *, bodies: int, events: int) -> None:
    """Has the reader of each version read what the writer of each version wrote; every topic, every pair."""
    folders = releases(stand.arena.folder / "releases")
    lines = [*_written(folders, bodies, stand.seed)]
    for version, folder in enumerate(folders):
        command = [sys.executable, "-m", "tests.chaos.reading", str(folder), json.dumps(NUMBERS)]
        done = subprocess.run(command, input="\n".join(lines), cwd=ROOT, capture_output=True, text=True, check=False)
        outcome.require(done.returncode == 0, "ended with", done.stderr[-300:] or done.returncode)
        wrong = [line for line in done.stdout.splitlines() if line]
        outcome.lost += len(wrong)
        outcome.events += len(lines)
        if wrong:
            outcome.detail[f"reader {version}"] = wrong[0][:300]
    outcome.detail["pairs"] = VERSIONS * VERSIONS * len(TOPICS)
    outcome.require(not outcome.lost, "misread", outcome.lost)
    if events:
        _rolled(stand, outcome, folders[1], events)


def releases(root: Path) -> list[Path]:
    """Makes a folder for each release, with its schemas and the event classes made from them."""
    folders = []
    for version in range(VERSIONS):
        folder = root / str(version)
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(FOLDER.glob("*.avsc")):
            schema = json.loads(path.read_text())
            for number in range(version):
                schema = _next(schema, number)
            (folder / path.name).write_text(json.dumps(schema))
        before, generate.FOLDER = generate.FOLDER, folder
        (folder / "events.py").write_text(generate.source())
        generate.FOLDER = before
        folders.append(folder)
    return folders


def _rolled(stand: Stand, outcome: Outcome, folder: Path, events: int) -> None:
    """Replaces the workers of one release by those of the next, one after the other, under load, and back."""
    with stand.drive("R23") as drive:
        drive.feed(events)
        for share, name in enumerate([*drive.workers, *reversed(drive.workers)], 1):
            drive.reach(events * share / 8)
            drive.crew.replace(name, folder if share <= len(drive.workers) else None)
        drive.settle()
        outcome.take(drive.verdict())


def _written(folders: list[Path], bodies: int, seed: int) -> Iterator[str]:
    for version, folder in enumerate(folders):
        for name, topic in TOPICS.items():
            schema = json.loads((folder / f"{topic.noun}.avsc").read_text())
            parsed = fastavro.parse_schema(schema)
            chance = Random(f"{seed} {version} {name}")
            for _ in range(bodies):
                said = body(schema, chance)
                out = BytesIO(b"\0" + (NUMBERS[name] + version * ID_STEP).to_bytes(4))
                out.seek(5)
                fastavro.schemaless_writer(out, parsed, said)
                value = base64.b64encode(out.getvalue()).decode()
                yield json.dumps({"topic": name, "version": version, "body": _told(said), "value": value})


def _next(schema: dict[str, Any], number: int) -> dict[str, Any]:
    """Returns the next version; what it adds has names of its own."""
    return json.loads(json.dumps(next_version(schema)).replace("added_later\"", f"added_later_{number}\"")
                      .replace("symbol_of_later\"", f"symbol_of_later_{number}\""))  # fmt: skip


def _told(value: Any) -> Any:
    """Returns a body as JSON can say it."""
    if isinstance(value, dict):
        return {"map": {name: _told(each) for name, each in value.items()}}
    if isinstance(value, list):
        return [_told(each) for each in value]
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    return {"at": value.isoformat()} if hasattr(value, "isoformat") else value
