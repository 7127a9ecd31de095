"""What a row found, and how all of it is told: a table for people, one document for programs."""

from collections.abc import Sequence
from typing import Any

import msgspec

from tests.chaos.verdict import Verdict


class Outcome(msgspec.Struct):
    """One row's figures. A control passes when the fault shows."""

    fault: str
    claim: str
    seed: int
    events: int = 0
    lost: int = 0
    doubled: int = 0
    state_equal: bool = True
    seconds: float = 0.0
    passed: bool = True
    scale: dict[str, Any] = msgspec.field(default_factory=dict)
    detail: dict[str, Any] = msgspec.field(default_factory=dict)
    timed: bool = True
    """False where other programs share the machine: then times are told, not judged."""
    redelivered: float = 0.0
    """Copies beyond the first on the topic of the steps, as a share of the events."""
    overshoot_usd_micros: int | msgspec.UnsetType = msgspec.UNSET
    """What was spent beyond the budgets, where money is at stake."""

    def take(self, verdict: Verdict) -> None:
        """Adds the counts of a run."""
        self.events += verdict.events
        self.lost += verdict.lost
        self.doubled += verdict.doubled
        self.state_equal &= verdict.state_equal
        self.redelivered = max(self.redelivered, verdict.redelivered)
        for name, value in verdict.detail.items():
            self.detail[name] = max(self.detail.get(name, 0), value) if isinstance(value, float) else value
        self.detail["inversions"] = self.detail.get("inversions", 0) + verdict.inversions
        self.passed &= verdict.holds

    def add_spent(self, events: int, lost: int, doubled: int, equal: bool, overshoot: int) -> None:
        """Adds the counts of a run that cost money."""
        self.events += events
        self.lost += lost
        self.doubled += doubled
        self.state_equal &= equal
        spent = self.overshoot_usd_micros
        self.overshoot_usd_micros = overshoot + (0 if spent is msgspec.UNSET else spent)

    def within(self, value: float, limit: float, name: str) -> None:
        """Adds a measured figure that must not pass its limit, where times are judged."""
        self.require(value <= limit or not self.timed, name, value)

    def require(self, holds: bool, name: str, value: Any) -> None:
        """Adds a figure that the row stands or falls with."""
        self.detail[name] = value
        if not holds:
            self.passed = False
            self.detail["not held"] = [*self.detail.get("not held", []), name]


LEFT_OUT = (
    "R3 for InfluxDB and Weaviate: there is no sink for them yet",
    "R10 for the whole flow: models are asked there, and a rebuild would ask them again; `auterity replay` proves it",
    "R15: tamper evidence is not a fault of processes",
)
"""What no row here proves."""


def document(faults: Sequence[Outcome], controls: Sequence[Outcome], seed: int, scale: str) -> str:
    """Returns the JSON document."""
    said = {"seed": seed, "scale": scale, "faults": faults, "controls": controls, "left_out": LEFT_OUT}
    return msgspec.json.encode(said).decode()


def line(outcome: Outcome, control: bool = False) -> str:
    """Returns the outcome for people, in two lines or three."""
    state = "equal" if outcome.state_equal else "DIFFERENT"
    good, bad = ("shows", "DOES NOT SHOW") if control else ("holds", "DOES NOT HOLD")
    mark = good if outcome.passed else bad
    said = [
        f"{outcome.fault:<4} {mark:<13} events {outcome.events:>9,}  lost {outcome.lost}  doubled {outcome.doubled}"
        f"  state {state}  {outcome.seconds:.0f} s  seed {outcome.seed}",
        f"     {outcome.claim}; scale {_facts(outcome.scale)}",
        f"     {_facts(outcome.detail)}",
    ]
    if not outcome.passed:
        said.append(f"     replay with --only {outcome.fault.split()[0]} --seed {outcome.seed}")
    return "\n".join(each for each in said if each.strip())


def _facts(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())
