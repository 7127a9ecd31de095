"""What every decider is: pure functions from state and event to events, and from state and event to state."""

from collections.abc import Sequence
from typing import Any, Protocol

from domain.definitions import Definitions
from schemas.events import Event


class Decider(Protocol):
    """Decides over the events of its inputs, key by key.

    Both methods are pure. Whatever the order in which the inputs' records arrive, and however often, the set of
    events decided is the same: a repeated event gives the same events with the same ids, or none.
    """

    @property
    def name(self) -> str:
        """Names the stage, its consumer group and its table: Kafka remembers it, so it never changes."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The topics it reads."""

    @property
    def state(self) -> type[Any] | None:
        """A msgspec struct kept for each key; None for a decider that needs to remember nothing."""

    @property
    def newest(self) -> bool:
        """True when it decides by the definitions in force when the event was appended, not by pinned ones alone."""

    def decide(self, state: Any, event: Event, definitions: Definitions) -> Sequence[Event]:
        """Returns what follows from the event; raises Rejected when nothing ever can."""

    def evolve(self, state: Any, event: Event) -> Any:
        """Returns the state after the event: called with the input first, then with each event decided from it."""


def step(decider: Decider, state: Any, event: Event, definitions: Definitions) -> tuple[Sequence[Event], Any]:
    """Decides one event and returns what follows and the state after it."""
    decided = decider.decide(state, event, definitions)
    if decider.state is not None:
        state = decider.evolve(state, event)
        for each in decided:
            state = decider.evolve(state, each)
    return decided, state
