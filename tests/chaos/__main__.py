"""`make chaos`: runs the rows, prints what each found, and ends with 0 only when every claim holds."""

import argparse
import random
import signal
import sys
import time
from collections.abc import Sequence

from tests.chaos.report import LEFT_OUT, Outcome, document, line
from tests.chaos.rows import CONTROLS, FULL, GATE, ROWS, SCALED, Row
from tests.chaos.stand import Stand

MINUTES = 40.0
"""The bound of a run without options."""
WHOLE = {"R21"}
"""Rows that run in full when they are asked for by name, and as far as they come when the time ends."""

CALLED = {"money": "R20"}
"""Rows by what they are about."""


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status: 0 when every fault row holds and every control fails as it must."""
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    scale = FULL if asked.full else SCALED
    minutes = asked.minutes or (0.0 if asked.full or asked.only else MINUTES)
    until = time.monotonic() + minutes * 60 if minutes else float("inf")
    wanted = [*ROWS, *CONTROLS]
    if asked.only:
        names = {CALLED.get(each, each.upper()) for each in asked.only}
        if unknown := names - {row.name for row in ROWS}:
            _parser().error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(r.name for r in ROWS)}")
        wanted = [row for row in wanted if row.name.split()[0] in names]
    found: list[tuple[Row, Outcome]] = []
    with Stand(asked.seed, until=until) as stand:
        bound = f"at most {minutes:g} minutes" if minutes else "unbounded"
        stand.say(f"chaos: scale {scale}, seed {asked.seed}, {bound}, {len(wanted)} rows")
        for number, row in enumerate(wanted):
            others_s = sum(each.about_s[GATE] for each in wanted[number + 1 :])
            outcome = _run(row, stand, FULL if asked.only and row.name in WHOLE else scale, others_s)
            stand.say(line(outcome, row in CONTROLS))
            found.append((row, outcome))
    faults = [outcome for row, outcome in found if row in ROWS]
    controls = [outcome for row, outcome in found if row in CONTROLS]
    held = all(outcome.passed for _, outcome in found)
    if asked.json:
        print(document(faults, controls, asked.seed, scale))
    else:
        print("\n".join(line(outcome, row in CONTROLS) for row, outcome in found))
        print("\nleft out:", *LEFT_OUT, sep="\n  ")
        print(f"\nscale {scale}, seed {asked.seed}: {'all hold' if held else 'NOT ALL HOLD'}")
    return 0 if held else 1


def _run(row: Row, stand: Stand, scale: str, others_s: float) -> Outcome:
    """Runs the row at its scale, at the gate's when the time that is left is too short, or not at all."""
    for each in (scale, GATE):
        fits = row.about_s[each] + (others_s if each != GATE else 0) <= stand.left_s
        if fits or (each == FULL and row.name in WHOLE):
            stand.say(f"{row.name}: {row.claim}; scale {each}, some {row.about_s[each]:.0f} s")
            return row.measured(stand, each)
    outcome = Outcome(row.name, row.claim, stand.seed, state_equal=False)
    outcome.require(False, "not run", f"it takes {row.about_s[GATE]:.0f} s, {max(0.0, stand.left_s):.0f} s are left")
    return outcome


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the release column: hours")
    parser.add_argument("--only", action="append", metavar="ROW", help="one row and its controls; may be repeated")
    parser.add_argument("--minutes", type=float, metavar="N", help="a bound on the whole")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of chance and faults")
    parser.add_argument("--json", action="store_true", help="one document on standard output")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
