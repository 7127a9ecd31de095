"""What one measured process is told: workload, topic, number of events, and where Kafka is."""

import json
import sys
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Task:
    """Everything is an argument: a measured process reads no environment and no file of ours."""

    workload: str
    bootstrap: str
    topic: str
    """What it reads: the whole of it, from its beginning to where it ends now."""
    events: int
    """How many records lie there."""
    name: str
    """Consumer group, or what begins its names: no other process has it."""
    folder: str
    """Empty, and its own."""
    registry: str = ""
    ids: dict[str, int] = field(default_factory=dict)
    """Schema ids by topic."""
    variant: str = ""
    """Which of several ways; empty for the one that is compared."""

    def argument(self) -> str:
        """Returns the task as one argument of a command."""
        return json.dumps(asdict(self))


def given() -> Task:
    """Returns the task that this process was started with."""
    return Task(**json.loads(sys.argv[1]))
