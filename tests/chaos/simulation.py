"""R24: the whole flow in memory under seeds: repeated, crossed and cut short, it says what it says undisturbed."""

from collections.abc import Callable, Sequence
from random import Random

from domain.decider import Decider
from schemas.events import BusinessEvent, Event
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand
from tests.domain.simulation import Case, Flow, case, problems, unordered

CUT = 0.04
"""How often a stage ends between two of its outputs."""


class CutFlow(Flow):
    """A flow whose stages also end between two outputs, and before any: then state is as before, and all is redone."""

    def _decided(self, decider: Decider) -> Callable[[str, Event], Sequence[Event]]:
        decided = super()._decided(decider)

        def take(key: str, event: Event) -> Sequence[Event]:
            before = self._states.get((decider.name, key))
            outputs = decided(key, event)
            if not self._faults or self._random.random() >= CUT:
                return outputs
            self._states[decider.name, key] = before
            self._lost = True
            return outputs[: self._random.randrange(len(outputs) + 1)]

        return take


def r24(stand: Stand, outcome: Outcome, *, seeds: int) -> None:
    """Compares each disturbed run with the undisturbed one of its seed."""
    for seed in range(stand.seed, stand.seed + seeds):
        found = case(seed)
        calm, wild = found.flow(seed), disturbed(found, seed)
        outcome.events += len(calm.first())
        one, other = unordered(calm), unordered(wild)
        outcome.lost += len(one.keys() - other.keys())
        outcome.doubled += len(other.keys() - one.keys())
        wrong = [*problems(wild)]
        if one != other or wrong:
            outcome.state_equal = False
            outcome.detail.setdefault("first wrong seed", seed)
            outcome.detail.setdefault("problem", (wrong or ["events differ"])[0])
    outcome.detail["seeds"] = seeds
    outcome.require(outcome.state_equal, "as undisturbed", outcome.state_equal)


def disturbed(found: Case, seed: int) -> Flow:
    """Returns the case's flow with every fault there is: producers that try again, readers put back, cut outputs."""
    flow = CutFlow(found.definitions, seed, faults=True)
    random = Random(f"{seed} feed")
    left = list(found.events)
    sent: list[BusinessEvent] = []
    while left:
        subject = random.choice(left).subject
        sent.append(next(each for each in left if each.subject == subject))
        left.remove(sent[-1])
        flow.write(sent[-1])
        if random.random() < 0.3:
            flow.write(random.choice(sent))
        if random.random() < 0.3:
            flow.run()
    flow.run()
    for _ in range(2):
        flow.crash(0.3)
        flow.run()
    return flow
