"""What was lost, doubled or changed: judged from the tables alone, against what was fed."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tests.chaos.oracle import Oracle
from tests.chaos.tables import query
from tests.chaos.totals import NAME, Total

EVENTS = "SELECT event_id, subject, attributes['sequence'], _partition, _offset FROM auterity.business_events"
STEPS = (
    "SELECT causation_id, run_id, output['count'], output['total'], output['last'], output['chain']"
    " FROM auterity.agent_steps ORDER BY _partition, _offset"
)
LETTERS = (
    "SELECT stage, source_topic, source_partition, source_offset, lower(hex(SHA256(source_value)))"
    " FROM auterity.dead_letters"
)
SINK = "clickhouse"


class Verdict(msgspec.Struct):
    """The counts of one run."""

    events: int = 0
    lost: int = 0
    """Events without a row, without the step that must follow, or (bad ones) without their dead letter."""
    doubled: int = 0
    """Rows, steps and letters beyond one of each."""
    state_equal: bool = False
    """True when the last step of every key says what the oracle knows."""
    inversions: int = 0
    """Steps or rows of a key that lie behind a later one."""
    redelivered: float = 0.0
    """Copies of steps beyond the first on their topic, as a share of the events."""
    detail: dict[str, object] = msgspec.field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """True when nothing was lost, doubled, changed or turned round."""
        return self.lost == self.doubled == self.inversions == 0 and self.state_equal


Places = Mapping[tuple[str, int, int], str]


def judge(folder: Path, oracle: Oracle, bad: Places, poisoned: Places) -> Verdict:
    """Returns the verdict on the tables of this folder.

    `bad` are the places of what nobody can read, `poisoned` those at which the stage fails, with their digests.
    """
    found = Verdict(events=len(oracle.ids) + len(oracle.poisoned) + len(bad))
    _rows(found, folder, oracle)
    _steps(found, folder, oracle)
    wanted = {_letter(NAME, *place, digest) for place, digest in [*bad.items(), *poisoned.items()]}
    wanted |= {_letter(SINK, *place, digest) for place, digest in bad.items()}
    _count(found, "letters", wanted, Counter(_letter(*row) for row in query(folder, LETTERS)))
    return found


def _rows(found: Verdict, folder: Path, oracle: Oracle) -> None:
    fed = {*oracle.ids, *oracle.poisoned}
    rows: Counter[str] = Counter()
    last: dict[str, int] = {}
    lying = sorted(query(folder, EVENTS), key=lambda row: (row[1], int(row[3]), int(row[4])))
    for event_id, subject, sequence, *_ in lying:
        rows[event_id] += 1
        if event_id not in oracle.poisoned:
            found.inversions += int(sequence) <= last.get(subject, 0)
            last[subject] = int(sequence)
    _count(found, "rows", fed, rows)


def _steps(found: Verdict, folder: Path, oracle: Oracle) -> None:
    steps: Counter[str] = Counter()
    last: dict[str, Total] = {}
    for cause, run_id, *total in query(folder, STEPS):
        steps[cause] += 1
        said = Total(int(total[0]), int(total[1]), int(total[2]), total[3])
        found.inversions += run_id in last and said.last <= last[run_id].last
        last[run_id] = said
    _count(found, "steps", set(oracle.ids), steps)
    wanted = oracle.by_run()
    wrong = [run_id for run_id, total in wanted.items() if last.get(run_id) != total]
    found.state_equal = not wrong and last.keys() == wanted.keys()
    if wrong:
        found.detail["wrong keys"] = len(wrong)
        found.detail["one wrong key"] = f"{last.get(wrong[0])}, not {wanted[wrong[0]]}"


def _letter(stage: str, topic: str, partition: object, offset: object, digest: str) -> str:
    return f"{stage} {topic}/{partition}/{offset} {digest}"


def _count(found: Verdict, what: str, wanted: set[str], there: Counter[str]) -> None:
    lost = len(wanted - there.keys())
    doubled = sum(number - (each in wanted) for each, number in there.items())
    found.lost += lost
    found.doubled += doubled
    found.detail[what] = there.total()
    if lost or doubled:
        found.detail[f"{what} lost, doubled"] = [lost, doubled]
