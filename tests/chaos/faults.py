"""Faults as data: what is done to whom, and when, all of it from a seed."""

from collections.abc import Sequence
from random import Random

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One fault. It comes when `at` of the events are through, or `after_s` seconds after the one before."""

    kind: str
    """kill, term or stop of a process; broker for a kill -9 of the broker; or a mode of the sink's engine."""
    at: float
    target: str = ""
    for_s: float = 0.0
    after_s: float = 20.0


def planned(
    seed: int, kinds: Sequence[str], count: int, targets: Sequence[str] = (), heels: float = 1 / 3
) -> list[Fault]:
    """Returns so many faults in the order of their moments; about `heels` of them come right after the one before."""
    chance = Random(f"{seed} faults {kinds}")
    found = []
    for number, at in enumerate(sorted(chance.uniform(0.02, 0.95) for _ in range(count))):
        target = chance.choice(list(targets)) if targets else ""
        kind = kinds[number % len(kinds)]
        if number and chance.random() < heels:
            found.append(Fault(kind, 1.0, target, after_s=chance.uniform(0.1, 3.0)))
        else:
            found.append(Fault(kind, at, target))
    return found
