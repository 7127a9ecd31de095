"""The ledger: what was billed and is held, by tenant, model, workflow, day, principal and team; a fold of entries."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from msgspec import Struct

from domain.sequences import Gap, Sequences
from schemas.events import BudgetEntry, EntryKind

BY: Mapping[str, Callable[[BudgetEntry], str]] = {
    "tenant": lambda entry: entry.tenant_id,
    "model": lambda entry: entry.model,
    "workflow": lambda entry: entry.workflow,
    "day": lambda entry: entry.occurred_at.astimezone(UTC).date().isoformat(),
    "principal": lambda entry: entry.principal,
    "team": lambda entry: entry.team,
}
"""What sums are by; a day is one of UTC."""


SETTLING = {EntryKind.SETTLED, EntryKind.RELEASED, EntryKind.ADJUSTED}
"""What says what an attempt in doubt has cost."""


class Row(Struct, frozen=True):
    """The sums of the entries that have something in common, in micro-dollars."""

    key: str
    billed_usd_micros: int
    held_usd_micros: int
    entries: int


class Hold(Struct, frozen=True, kw_only=True):
    """A hold that has not ended, or one whose attempt is in doubt."""

    tenant_id: str
    hold_id: str
    run_id: str
    call_id: str
    attempt: int
    model: str
    usd_micros: int
    """Held, or billed in doubt."""
    lease_until: datetime | None


class Ledger:
    """Takes the entries of `budget-entries`, each tenant's in order; only what was decided counts, and of one sequence
    the first record.

    The sums would be the same in any order. Keeps the sums, and what is open or in doubt.
    """

    def __init__(self) -> None:
        self._sequences = Sequences()
        self._sums: dict[str, dict[str, list[int]]] = {name: {} for name in BY}
        self._total = [0, 0, 0]
        self._held: dict[str, tuple[int, BudgetEntry]] = {}
        self._doubt: dict[tuple[str, str, int], BudgetEntry] = {}

    def take(self, entry: BudgetEntry) -> None:
        """Takes one entry; what was only asked for changes nothing."""
        if not entry.sequence or not self._sequences.first(entry):
            return
        amounts = (entry.billed_usd_micros, entry.held_usd_micros, 1)
        for name, key in BY.items():
            _add(self._sums[name].setdefault(key(entry), [0, 0, 0]), amounts)
        _add(self._total, amounts)
        attempt = (entry.tenant_id, entry.call_id, entry.attempt)
        if entry.in_doubt:
            self._doubt[attempt] = entry
        elif entry.kind in SETTLING:
            self._doubt.pop(attempt, None)
        held = self._held.get(entry.hold_id, (0, entry))[0] + entry.held_usd_micros
        if held:
            self._held[entry.hold_id] = (held, entry)
        else:
            self._held.pop(entry.hold_id, None)

    @property
    def billed_usd_micros(self) -> int:
        """The sum of all that was billed."""
        return self._total[0]

    @property
    def held_usd_micros(self) -> int:
        """The sum of all open holds."""
        return self._total[1]

    @property
    def entries(self) -> int:
        """Entries that count."""
        return self._total[2]

    @property
    def repeated(self) -> int:
        """Records that do not count, because there was one with their sequence."""
        return self._sequences.repeated

    def gaps(self) -> list[Gap]:
        """Returns the sequences that no record has."""
        return self._sequences.gaps()

    def rows(self, by: str) -> list[Row]:
        """Returns the sums by one of BY, in the order of its values."""
        return [Row(key, *amounts) for key, amounts in sorted(self._sums[by].items())]

    def open_holds(self) -> list[Hold]:
        """Returns the holds that have not ended, by hold."""
        return [_hold(entry, held) for _, (held, entry) in sorted(self._held.items())]

    def in_doubt(self) -> list[Hold]:
        """Returns the attempts of which nobody knows what they cost, each billed for its whole hold, by hold."""
        return [
            _hold(each, each.billed_usd_micros) for each in sorted(self._doubt.values(), key=lambda each: each.hold_id)
        ]


class Unlike(Struct, frozen=True):
    """A sum that the ledger and another count of the same entries have different."""

    key: str
    ledger: Row | None
    other: Row | None


def compare(ledger: list[Row], other: list[Row]) -> list[Unlike]:
    """Returns where two lists of sums differ, by key; a row that one of them lacks is one, too."""
    one, two = ({row.key: row for row in rows} for rows in (ledger, other))
    keys = sorted(one.keys() | two.keys())
    return [Unlike(key, one.get(key), two.get(key)) for key in keys if one.get(key) != two.get(key)]


def _add(sums: list[int], amounts: tuple[int, int, int]) -> None:
    for at, amount in enumerate(amounts):
        sums[at] += amount


def _hold(entry: BudgetEntry, amount: int) -> Hold:
    return Hold(
        tenant_id=entry.tenant_id,
        hold_id=entry.hold_id,
        run_id=entry.run_id,
        call_id=entry.call_id,
        attempt=entry.attempt,
        model=entry.model,
        usd_micros=amount,
        lease_until=entry.lease_until,
    )
