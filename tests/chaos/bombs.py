"""R6: frames that cost far more than they weigh; each is read in a process of its own, and its price is taken."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from schemas.record import Record, seal
from schemas.wire import number as long
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand
from tests.harness import ROOT

SIZES = (100_000, 1_000_000, 10_000_000)
CPU_MS_MAX = 50.0
PEAK_MB_MAX = 64.0
HOSTILE = 900
"""The first id of schemas that no release of ours ever had."""
NESTED = 5000


def r6(stand: Stand, outcome: Outcome, *, repeats: int) -> None:
    """Has the codec read every bomb; a death, more than 50 ms or more than 64 MB is lost."""
    worst: dict[str, Any] = {"ms": 0.0, "MB": 0.0}
    for number in range(repeats):
        done = subprocess.run(
            [sys.executable, "-m", "tests.chaos.bombs", str(stand.seed + number)],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        told = [json.loads(line) for line in done.stdout.splitlines()]
        outcome.require(done.returncode == 0, "ended with", done.returncode)
        for each in told:
            outcome.events += 1
            slow = outcome.timed and each["ms"] > CPU_MS_MAX
            over = slow or each["MB"] > PEAK_MB_MAX or each["error"] not in ("", "Undecodable")
            outcome.lost += over
            if over:
                outcome.detail[each["bomb"]] = f"{each['ms']} ms, {each['MB']} MB {each['error']}"
            worst = {unit: max(value, each[unit]) for unit, value in worst.items()}
    outcome.detail |= {f"most {unit}": value for unit, value in worst.items()}
    outcome.require(not outcome.lost, "too dear", outcome.lost)


def main() -> None:
    """Reads every bomb and prints a line of JSON for each: what it took, and how it ended."""
    from schemas.errors import Undecodable
    from tests.event_strategies import codec, event, recorded

    chance = Random(sys.argv[1])
    read = codec()
    for topic in ("agent-steps", "ai-calls", "dead-letters", "business-events"):
        read.decode(recorded(read.encode(event(topic, Random(1)), "warm")))
    for number, schema in enumerate(_hostile(), HOSTILE):
        read.learn("agent-steps", number, schema)
    for name, topic, value in bombs(chance):
        record = Record(topic, 0, 0, 0, b"k", value, [("x-digest", seal(b"k", value, []))])
        before, began, error = _peak_mb(reset=True), time.process_time(), ""
        try:
            read.decode(record)
        except Undecodable:
            error = "Undecodable"
        except Exception as wrong:  # noqa: BLE001  which one is what is asked
            error = repr(wrong)[:200]
        took = round((time.process_time() - began) * 1000, 1)
        said = {"bomb": name, "ms": took, "MB": round(_peak_mb() - before, 1), "error": error}
        print(json.dumps(said), flush=True)


def bombs(chance: Random) -> Iterator[tuple[str, str, bytes]]:
    """Yields name, topic and value of each."""
    from tests.event_strategies import NUMBERS

    def begun(topic: str, number: int | None = None) -> bytes:
        head = b"\2e\2t\2c\0\0"
        return b"\0" + (number or NUMBERS[topic]).to_bytes(4) + head

    step = begun("agent-steps") + b"\2r\2s\2" + b"\0" * 7
    for size in SIZES:
        filler = bytes(size)
        for name, body in {
            "a map counted to 2^62": b"\x80" * 8 + b"\x40" + filler,
            "a map of nothing": long(size) + filler,
            "blocks of one entry": b"\2\0\0" * (size // 3),
            "sized blocks": b"\1\4\0\0" * (size // 4),
            "a negative count": long(-(2**62)) + long(size) + filler,
            "a text of 2^62 bytes": b"\2" + long(2**62) + filler,
            "a text of less than nothing": b"\2" + long(-5) + filler,
            "a number without an end": b"\x80" * size,
            "noise": chance.randbytes(size),
        }.items():
            yield f"{name}, {size:,}", "agent-steps", step + body
        yield f"zeros, {size:,}", "ai-calls", begun("ai-calls") + filler
        for number, name in enumerate(("nulls", "empty records", "recursion", "unions in unions"), HOSTILE):
            body = long(2**26) + filler if number < HOSTILE + 2 else b"\2" * size
            yield f"a schema of {name}, {size:,}", "agent-steps", begun("agent-steps", number) + body


def _hostile() -> Iterator[dict[str, Any]]:
    """Yields schemas that are not safe to read."""
    empty = {"type": "record", "name": "Empty", "fields": []}
    itself = {"type": "record", "name": "Itself", "fields": [{"name": "next", "type": ["null", "Itself"]}]}
    deep: Any = "null"
    for number in range(NESTED):
        deep = {"type": "record", "name": f"Deep{number}", "fields": [{"name": "inner", "type": ["null", deep]}]}
    for kind in ({"type": "array", "items": "null"}, {"type": "array", "items": empty}, itself, deep):
        yield {"type": "record", "name": "AgentStep", "fields": [{"name": "input", "type": kind}]}


def _peak_mb(reset: bool = False) -> float:
    """Returns the most this process has held since the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    main()
