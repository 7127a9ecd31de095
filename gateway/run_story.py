"""A run in one answer: its rows in the read models, and of decisions and calls the events themselves."""

from domain.identity import Permission, Principal
from domain.read_models import Entry, Moment, Run, Step
from domain.reading import Query
from domain.run_detail import CallDetail, DecisionDetail, Placed, calls, decisions
from gateway.log_reading import LogReading
from gateway.reads import Reads, log_topics
from gateway.run_documents import (
    RunDetail,
    StepDetail,
    StepDocument,
    entry_document,
    line_document,
    run_document,
    step_document,
)

ROWS_MAX = 1000
"""Of each kind: lines, attempts at steps, entries."""
EVENTS_MAX = 500
"""Decisions, and moments of calls, that are read from the log."""
READ = ("compliance-decisions", "ai-calls")


class RunStory:
    """Tells runs."""

    def __init__(self, reads: Reads, log: LogReading) -> None:
        self._reads = reads
        self._log = log

    async def of(self, principal: Principal, run: Run) -> RunDetail:
        """Returns what the caller may see of a run of its tenant; raises Refusal when what it needs does not answer."""
        tenant_id, ours = principal.tenant_id, {"run_id": run.run_id}
        lines = await self._reads.rows(
            tenant_id,
            Query(
                of=Moment,
                where={**ours, "topic": log_topics(principal)},
                order=("recorded_ms", "topic", "offset"),
                limit=ROWS_MAX + 1,
            ),
        )
        order = ("recorded_ms", "step", "attempt")
        steps = await self._reads.rows(tenant_id, Query(of=Step, where=ours, order=order, limit=ROWS_MAX + 1))
        entries: list[Entry] = []
        if Permission.READ_MONEY in principal.permissions:
            query = Query(of=Entry, where=ours, order=("sequence",), limit=ROWS_MAX + 1)
            entries = await self._reads.rows(tenant_id, query)
        tallies = await self._reads.tallies(tenant_id, [run.run_id])
        places = [(each.topic, each.partition, each.offset) for each in lines if each.topic in READ]
        seen = await self._log.several(tenant_id, places[:EVENTS_MAX]) if places else []
        found = [Placed(each.event, each.record.topic, each.record.partition, each.record.offset) for each in seen]
        lists = (lines, steps, entries)
        return RunDetail(
            run=run_document(run, tallies[run.run_id]),
            timeline=[line_document(each) for each in lines[:ROWS_MAX]],
            steps=_told([step_document(each) for each in steps[:ROWS_MAX]], decisions(found), calls(found)),
            budget_entries=[entry_document(each) for each in entries[:ROWS_MAX]],
            cut=len(seen) < len(places) or any(len(each) > ROWS_MAX for each in lists),
            as_of=None,
        )


def _told(steps: list[StepDocument], decided: list[DecisionDetail], called: list[CallDetail]) -> list[StepDetail]:
    """Returns the steps with what belongs to each; a call whose attempt is not known belongs to the step's last."""
    last = {each.step: each.attempt for each in sorted(steps, key=lambda step: step.attempt)}
    return [
        StepDetail(
            **{name: getattr(each, name) for name in StepDocument.__struct_fields__},
            decisions=[one for one in decided if (one.step, one.attempt) == (each.step, each.attempt)],
            calls=[
                one for one in called if (one.step, one.step_attempt or last[each.step]) == (each.step, each.attempt)
            ],
        )
        for each in steps
    ]
