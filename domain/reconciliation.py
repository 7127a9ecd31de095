"""Compares a provider's invoice with the ledger, line by line: each side's every row has one place in the result."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct, field

from domain.billed import Billed
from domain.ids import derive
from schemas.events import BudgetEntry, EntryKind


class Line(Struct, frozen=True, kw_only=True):
    """One line of an invoice."""

    number: int
    """Its line in the file, the header's being 1."""
    id: str
    """What the provider was told: the hold's id, or the call's."""
    model: str
    input_tokens: int
    output_tokens: int
    usd_micros: int
    time: datetime


Column = Literal["amount", "input_tokens", "output_tokens", "model"]


class Pair(Struct, frozen=True):
    """A line and the attempt it is for, and in what they differ."""

    line: Line
    billed: Billed
    differs: list[Column] = field(default_factory=list)

    @property
    def delta_usd_micros(self) -> int:
        """What the invoice says more than the ledger."""
        return self.line.usd_micros - self.billed.usd_micros

    @property
    def settles(self) -> bool:
        """Whether the line says what an attempt in doubt has cost; a line for another model says nothing of it."""
        return self.billed.in_doubt and "model" not in self.differs


class Reconciliation(Struct, frozen=True):
    """Where every line and every attempt went."""

    agreed: list[Pair]
    different: list[Pair]
    settles: list[Pair]
    """The attempt was in doubt: now it is known what it cost."""
    only_invoice: list[Line]
    """A second line for an attempt, too."""
    only_ledger: list[Billed]
    outside: list[Billed]
    """Attempts of another time than what the invoice is for, which it says nothing about."""

    @property
    def clean(self) -> bool:
        """Whether nothing is left for a person to look at."""
        return not (self.different or self.settles or self.only_invoice or self.only_ledger)

    @property
    def invoice_usd_micros(self) -> int:
        """The sum of all lines."""
        pairs = sum(each.line.usd_micros for each in self._pairs())
        return pairs + sum(each.usd_micros for each in self.only_invoice)

    @property
    def ledger_usd_micros(self) -> int:
        """The sum of all attempts but those outside."""
        pairs = sum(each.billed.usd_micros for each in self._pairs())
        return pairs + sum(each.usd_micros for each in self.only_ledger)

    def _pairs(self) -> list[Pair]:
        return [*self.agreed, *self.different, *self.settles]


def reconcile(
    lines: Sequence[Line], billed: Iterable[Billed], begin: datetime | None = None, end: datetime | None = None
) -> Reconciliation:
    """Returns what agrees and what does not.

    A line is for the attempt whose hold has its id, or for one of the call's attempts: first the one that agrees in
    all, then one at its model that is settled, then one at its model in doubt, then any other. An attempt, of which
    there is one for each hold, has one line at most. The invoice is for [begin, end): attempts of another time are
    `outside` unless it names them.
    """
    every = list(billed)
    by_id: dict[str, list[Billed]] = defaultdict(list)
    for each in every:
        by_id[each.hold_id].append(each)
        if each.call_id != each.hold_id:
            by_id[each.call_id].append(each)
    taken: set[str] = set()
    found: dict[int, Billed] = {}
    for wanted in _TURNS:
        for at, line in enumerate(lines):
            if at in found:
                continue
            free = [each for each in by_id.get(line.id, []) if each.hold_id not in taken and wanted(line, each)]
            if free:
                found[at] = min(free, key=lambda each: (each.sequence, each.hold_id))
                taken.add(found[at].hold_id)
    pairs = [Pair(lines[at], each, _differs(lines[at], each)) for at, each in sorted(found.items())]
    left = [each for each in every if each.hold_id not in taken]
    inside = [(begin is None or each.occurred_at >= begin) and (end is None or each.occurred_at < end) for each in left]
    return Reconciliation(
        agreed=[each for each in pairs if not each.settles and not each.differs],
        different=[each for each in pairs if not each.settles and each.differs],
        settles=[each for each in pairs if each.settles],
        only_invoice=[line for at, line in enumerate(lines) if at not in found],
        only_ledger=[each for each, within in zip(left, inside, strict=True) if within],
        outside=[each for each, within in zip(left, inside, strict=True) if not within],
    )


def _same_model(line: Line, billed: Billed) -> bool:
    """Providers leave out the name that LiteLLM puts before theirs: `openai/gpt-4o` is their `gpt-4o`."""
    return line.model in (billed.model, billed.model.partition("/")[2])


def _differs(line: Line, billed: Billed) -> list[Column]:
    found: list[Column] = []
    if line.usd_micros != billed.usd_micros:
        found.append("amount")
    if billed.usage is not None and line.input_tokens != billed.usage.input_tokens:
        found.append("input_tokens")
    if billed.usage is not None and line.output_tokens != billed.usage.output_tokens:
        found.append("output_tokens")
    if not _same_model(line, billed):
        found.append("model")
    return found


_TURNS: Sequence[Callable[[Line, Billed], bool]] = (
    lambda line, billed: line.id == billed.hold_id,
    lambda line, billed: not billed.in_doubt and not _differs(line, billed),
    lambda line, billed: not billed.in_doubt and _same_model(line, billed),
    _same_model,
    lambda line, billed: True,
)


def adjustment(pair: Pair, now: datetime) -> BudgetEntry:
    """Returns the request that puts what the invoice says of an attempt in doubt on the ledger.

    Its id follows from the hold: of an attempt in doubt one line counts, however often and by whomever it is applied.
    """
    billed, line = pair.billed, pair.line
    name = derive(billed.hold_id, "reconciled")
    return BudgetEntry(
        event_id=name,
        tenant_id=billed.tenant_id,
        correlation_id=name,
        occurred_at=now,
        kind=EntryKind.ADJUSTMENT_REQUESTED,
        hold_id=name,
        run_id=billed.run_id,
        step=billed.step,
        call_id=billed.call_id,
        attempt=billed.attempt,
        model=billed.model,
        provider=billed.provider,
        workflow=billed.workflow,
        principal=billed.principal,
        team=billed.team,
        amount_usd_micros=pair.delta_usd_micros,
        models_digest=billed.models_digest or None,
        prices_digest=billed.prices_digest,
        reason=f"invoice line {line.number}: {billed.usd_micros} -> {line.usd_micros} micro-dollars; {billed.hold_id}",
    )
