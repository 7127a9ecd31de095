"""The rows: what each claims, how it is run, and how much of it at each scale."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tests.chaos import (
    audit,
    bombs,
    closed,
    controls,
    disturbances,
    flips,
    fuzz,
    isolation,
    kills,
    liveness,
    money,
    outages,
    poisons,
    produces,
    rebuilds,
    releases,
    simulation,
    soaks,
)
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand

GATE, SCALED, FULL = "gate", "scaled", "full"


class Row(msgspec.Struct, frozen=True):
    """One row. `scales` are the arguments of `run` for each scale; `about_s` how long that takes on two cores."""

    name: str
    claim: str
    run: Callable[..., None]
    scales: Mapping[str, Mapping[str, Any]]
    about_s: Mapping[str, float]

    def measured(self, stand: Stand, scale: str) -> Outcome:
        """Runs the row; whatever goes wrong is an outcome that does not hold."""
        amounts = dict(self.scales[scale])
        outcome = Outcome(self.name, self.claim, stand.seed, scale={"of": scale, **amounts}, timed=stand.timed)
        began = time.monotonic()
        try:
            self.run(stand, outcome, **amounts)
        except Exception as error:  # noqa: BLE001  a row that breaks has not held; the others go on
            outcome.require(False, "error", f"{type(error).__name__}: {error}"[:500])
        outcome.seconds = round(time.monotonic() - began, 1)
        return outcome


def row(
    name: str,
    claim: str,
    run: Callable[..., None],
    gate: Mapping[str, Any],
    scaled: Mapping[str, Any],
    full: Mapping[str, Any],
    about_s: tuple[float, float, float],
) -> Row:
    """Returns the row of these scales."""
    return Row(
        name,
        claim,
        run,
        {GATE: gate, SCALED: scaled, FULL: full},
        dict(zip((GATE, SCALED, FULL), about_s, strict=True)),
    )


ROWS = (
    row(
        "R1",
        "killed workers lose and double nothing",
        kills.r1,
        {"events": 100_000, "kills": 10, "seeds": 1, "rebuild": True, "heels": 0.7},
        {"events": 300_000, "kills": 20, "seeds": 1, "rebuild": False, "heels": 1 / 3},
        {"events": 1_000_000, "kills": 50, "seeds": 10, "rebuild": False, "heels": 1 / 3},
        (75, 180, 6000),
    ),
    row(
        "R2",
        "a broker that is killed, slow or away costs nothing",
        outages.r2,
        {"kills": 2, "events": 40_000, "outage_s": 0.0},
        {"kills": 6, "events": 120_000, "outage_s": 20.0},
        {"kills": 20, "events": 1_000_000, "outage_s": 60.0},
        (50, 150, 900),
    ),
    row(
        "R3",
        "a ClickHouse that refuses, hangs, answers too late or writes a part costs nothing",
        outages.r3,
        {"outage_s": 20.0, "times": 1},
        {"outage_s": 20.0, "times": 1},
        {"outage_s": 20.0, "times": 10},
        (120, 120, 1800),
    ),
    row(
        "R4",
        "what cannot be written is never passed by a commit",
        produces.r4,
        {"events": 200, "hold_s": 4.0, "timeout_s": 5.0, "both": False},
        {"events": 200, "hold_s": 8.0, "timeout_s": 10.0, "both": True},
        {"events": 200, "hold_s": 15.0, "timeout_s": 30.0, "both": True},
        (80, 180, 400),
    ),
    row(
        "R5",
        "what nobody can read becomes a dead letter and stops nothing",
        poisons.r5,
        {"bad": 10_000, "good": 10_000, "again": 0, "pure": 1000},
        {"bad": 50_000, "good": 50_000, "again": 1000, "pure": 20_000},
        {"bad": 100_000, "good": 100_000, "again": 10_000, "pure": 1_000_000},
        (60, 150, 2400),
    ),
    row(
        "R6",
        "a frame made to cost is refused at the price of an honest one",
        bombs.r6,
        {"repeats": 1},
        {"repeats": 2},
        {"repeats": 100},
        (8, 16, 800),
    ),
    row(
        "R7",
        "one wrong bit anywhere is found",
        flips.r7,
        {"flips": 20_000},
        {"flips": 200_000},
        {"flips": 1_000_000},
        (3, 25, 120),
    ),
    row(
        "R8",
        "an event that kills or fails its reader is given up after three tries",
        poisons.r8,
        {"raising": 1, "crashing": 1, "events": 5000},
        {"raising": 5, "crashing": 2, "events": 50_000},
        {"raising": 50, "crashing": 10, "events": 200_000},
        (45, 90, 600),
    ),
    row(
        "R9",
        "state is exact after kills, on disk and from the changelog",
        kills.r9,
        {"events": 20_000, "kills": 4, "shared": True},
        {"events": 100_000, "kills": 8, "shared": False},
        {"events": 1_000_000, "kills": 20, "shared": False},
        (50, 100, 600),
    ),
    row(
        "R10",
        "state follows from the topics alone: other workers, batches, clocks and hash seeds give the same bytes",
        rebuilds.r10,
        {"events": 40_000, "keys": 10_000, "rebuilds": 2},
        {"events": 80_000, "keys": 20_000, "rebuilds": 4},
        {"events": 900_000, "keys": 100_000, "rebuilds": 12},
        (70, 120, 4000),
    ),
    row(
        "R11",
        "no record of a key passes another",
        kills.r11,
        {"events": 100_000, "kills": 4},
        {"events": 100_000, "kills": 4},
        {"events": 1_000_000, "kills": 20},
        (1, 1, 600),
    ),
    row(
        "R12",
        "a worker frozen past its session and woken changes nothing",
        disturbances.r12,
        {"zombies": 3},
        {"zombies": 6},
        {"zombies": 30},
        (75, 130, 600),
    ),
    row(
        "R14",
        "SIGTERM ends a worker within 10 s and costs nothing",
        disturbances.r14,
        {"stops": 20},
        {"stops": 30},
        {"stops": 200},
        (110, 160, 1000),
    ),
    row(
        "R16",
        "every call that was answered is one event, whatever becomes of the gateways",
        audit.r16,
        {"requests": 10_000, "kills": 5},
        {"requests": 50_000, "kills": 10},
        {"requests": 1_000_000, "kills": 50},
        (60, 250, 1600),
    ),
    row(
        "R17",
        "nothing is answered as done that is not on the log, and every caller is told within two seconds",
        closed.r17,
        {"hold_s": 3.0, "times": 1},
        {"hold_s": 8.0, "times": 3},
        {"hold_s": 30.0, "times": 10},
        (50, 180, 1500),
    ),
    row(
        "R18",
        "nobody reaches another tenant, and the matrix sees it when any filter is gone",
        isolation.r18,
        {"files": [isolation.MUTATION]},
        {"files": [isolation.MATRIX, isolation.MUTATION]},
        {"files": [isolation.MATRIX, isolation.MUTATION]},
        (35, 120, 120),
    ),
    row(
        "R19",
        "damaged requests break nothing, and each that is answered is an event",
        fuzz.r19,
        {"requests": 2000},
        {"requests": 20_000},
        {"requests": 100_000},
        (45, 150, 600),
    ),
    row(
        "R20",
        "of as many calls as there is money for twice none is paid beyond the budget, whatever is killed",
        money.killed,
        {"calls": 200, "kills": 1, "seeds": 1, "workers": 1, "broker": False},
        {"calls": 1000, "kills": 2, "seeds": 3, "workers": 2, "broker": False},
        {"calls": 1000, "kills": 2, "seeds": 20, "workers": 2, "broker": True},
        (45, 370, 2500),
    ),
    row(
        "R20 frozen",
        "a writer of budgets that was frozen, replaced, and publishes when it wakes, changes nothing",
        money.frozen,
        {"calls": 100, "times": 1, "seeds": 1},
        {"calls": 1000, "times": 2, "seeds": 1},
        {"calls": 1000, "times": 3, "seeds": 5},
        (50, 115, 350),
    ),
    row(
        "R21",
        "memory and files stay where they are",
        soaks.r21,
        {"seconds": 120.0, "rate": 1000.0, "warm_s": 40.0, "events": 0},
        {"seconds": 240.0, "rate": 1500.0, "warm_s": 60.0, "events": 0},
        {"seconds": 0.0, "rate": 0.0, "warm_s": 0.0, "events": 1_000_000},
        (165, 290, 3600),
    ),
    row(
        "R22",
        "a worker without its disk has its state again soon",
        rebuilds.r22,
        {"keys": 50_000, "seconds": 10.0},
        {"keys": 50_000, "seconds": 10.0},
        {"keys": 1_000_000, "seconds": 60.0},
        (45, 45, 400),
    ),
    row(
        "R23",
        "releases whose schemas differ read each other",
        releases.r23,
        {"bodies": 10, "events": 0},
        {"bodies": 50, "events": 30_000},
        {"bodies": 500, "events": 200_000},
        (6, 80, 300),
    ),
    row(
        "R24",
        "the flow says the same whatever is repeated, crossed or cut short",
        simulation.r24,
        {"seeds": 500},
        {"seeds": 1500},
        {"seeds": 10_000},
        (25, 75, 500),
    ),
    row(
        "R25",
        "a worker takes 20,000 events a second and core with everything on, a sink 60,000",
        soaks.r25,
        {"events": 100_000, "backlog": False},
        {"events": 300_000, "backlog": False},
        {"events": 1_000_000, "backlog": True},
        (40, 70, 200),
    ),
    row(
        "R13",
        "while there is work and a broker, somebody gets on with it",
        liveness.r13,
        {"events": 20_000, "kills": 4, "paused": False},
        {"events": 50_000, "kills": 6, "paused": False},
        {"events": 300_000, "kills": 20, "paused": True},
        (1, 1, 1),
    ),
)

CONTROLS = (
    row(
        "R1 naive",
        "an agent that acknowledges before it works loses or doubles",
        controls.naive_r1,
        {"events": 8000, "kills": 4},
        {"events": 40_000, "kills": 6},
        {"events": 100_000, "kills": 10},
        (40, 70, 120),
    ),
    row(
        "R7 naive",
        "an agent without a digest believes wrong bits",
        flips.naive_r7,
        {"flips": 5000},
        {"flips": 20_000},
        {"flips": 100_000},
        (2, 4, 20),
    ),
    row(
        "R9 naive",
        "a counter that remembers no offsets counts wrongly",
        controls.naive_r9,
        {"events": 20_000, "kills": 4},
        {"events": 20_000, "kills": 4},
        {"events": 100_000, "kills": 10},
        (35, 35, 90),
    ),
)
