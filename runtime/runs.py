"""The runs of a platform: a list, and the tree of one from its request to the last micro-dollar."""

from typing import Any

from msgspec import Struct
from rich.tree import Tree

from runtime.ask import ask
from runtime.platform import Facts
from runtime.settings import Settings
from schemas.errors import Rejected

LIST = """
    SELECT run_id, any(tenant_id) AS tenant, any(workflow) AS workflow, any(subject) AS subject,
           argMax(status, status != 'started') AS state, min(_recorded_at) AS began, max(_recorded_at) AS last
    FROM workflow_runs GROUP BY run_id ORDER BY last DESC, run_id LIMIT {limit}
"""
COLUMNS = {
    "requests": "kind, source, subject, type, workflow, attributes",
    "workflow_runs": "status, workflow, reason, output",
    "agent_steps": "step, agent, uses, status, reason, output",
    "compliance_decisions": "step, phase, outcome, rules, rules_version, findings, restriction",
    "ai_calls": "step, call_id, status, attempt, model, provider, answer, input_tokens, output_tokens, "
    "cost_usd_micros, latency_ms, degraded, reason, task, route, hold_id, level, continues, length(ranking) AS ranked",
    "budget_entries": "step, call_id, attempt, kind, sequence, hold_id, model, amount_usd_micros, held_usd_micros, "
    "billed_usd_micros, in_doubt, level, reason",
}


class UnknownRun(Rejected):
    """No run has this id."""


class Moment(Struct, frozen=True):
    """One event of a run, and where it lies."""

    noun: str
    place: str
    event_id: str
    causation_id: str | None
    occurred_at: str
    recorded_at: str
    fields: dict[str, Any]


def runs(facts: Facts, conf: Settings, tenant: str | None, limit: int) -> list[dict[str, Any]]:
    """Returns the latest runs, newest first."""
    table = ask(facts, conf, LIST.format(limit=int(limit)), tenant)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def run(facts: Facts, conf: Settings, run_id: str, tenant: str | None) -> list[Moment]:
    """Returns every event of the run in the order they were recorded; raises UnknownRun."""
    literal = "'" + run_id.replace("\\", "\\\\").replace("'", "\\'") + "'"
    moments: list[Moment] = []
    for noun, columns in COLUMNS.items():
        sql = f"""
            SELECT concat(_topic, '/', toString(_partition), '/', toString(_offset)), event_id, causation_id,
                   occurred_at, _recorded_at, {columns}
            FROM {noun} WHERE run_id = {literal} ORDER BY _recorded_at, _offset
        """
        table = ask(facts, conf, sql, tenant)
        names = table.columns[5:]
        for place, event_id, cause, occurred_at, recorded_at, *values in table.rows:
            fields = dict(zip(names, values, strict=True))
            moments.append(Moment(noun, place, event_id, cause, occurred_at, recorded_at, fields))
    if not any(moment.noun == "workflow_runs" for moment in moments):
        raise UnknownRun(f"no run {run_id}")
    return sorted(moments, key=lambda moment: moment.recorded_at)


def tree(run_id: str, moments: list[Moment]) -> Tree:
    """Returns the run as a tree: request, steps with their decisions and calls, the end; each with its place."""
    start = _one(moments, "requests")
    begun, ended = _one(moments, "workflow_runs"), _last(moments, "workflow_runs")
    root = Tree(f"[bold]{begun.fields['workflow']}[/] run {run_id} [bold]{ended.fields['status']}[/]")
    request = root.add(f"request {start.fields['type']} of {start.fields['subject']} [dim]{start.place}[/]")
    attached = sum(1 for each in moments if each.noun == "requests") - 1
    if attached:
        request.add(f"{attached} later events attached")
    for step in dict.fromkeys(each.fields["step"] for each in moments if each.noun == "agent_steps"):
        _step(root, step, [each for each in moments if each.fields.get("step") == step])
    billed = sum(each.fields["billed_usd_micros"] for each in moments if each.noun == "budget_entries")
    root.add(f"[bold]{ended.fields['status']}[/] {ended.fields['reason']} [dim]{ended.place}[/]")
    root.add(f"billed {billed} micro-dollars")
    return root


def _step(root: Tree, step: str, moments: list[Moment]) -> None:
    last = _last(moments, "agent_steps")
    branch = root.add(
        f"step [bold]{step}[/] ({last.fields['agent']}, {last.fields['uses']}) {last.fields['status']}"
        f" {last.fields['reason']} [dim]{last.place}[/]"
    )
    for each in moments:
        fields = each.fields
        if each.noun == "compliance_decisions":
            rules = f"{fields['rules']} v{fields['rules_version']}"
            leaf = branch.add(f"{fields['phase']}: [bold]{fields['outcome']}[/] by {rules} [dim]{each.place}[/]")
            for finding in fields["findings"]:
                rule, severity, action, path, evidence = finding.values() if isinstance(finding, dict) else finding
                leaf.add(f"{rule} ({severity}) {action} {path} [dim]{evidence}[/]")
        elif each.noun == "ai_calls":
            branch.add(f"AI call {_call(fields)} [dim]{each.place}[/]")
        elif each.noun == "budget_entries" and fields["sequence"]:
            branch.add(f"budgets {_entry(fields)} [dim]{each.place}[/]")


def _entry(fields: dict[str, Any]) -> str:
    doubt = ", in doubt" if fields["in_doubt"] else ""
    moved = f"{fields['held_usd_micros']:+} held, {fields['billed_usd_micros']:+} billed{doubt}"
    return f"attempt {fields['attempt']}: [bold]{fields['kind']}[/] {moved} ({fields['level']}) {fields['reason']}"


def _call(fields: dict[str, Any]) -> str:
    attempt = f"attempt {fields['attempt']} " if fields["attempt"] else ""
    model = f"{fields['model']}: " if fields["model"] else ""
    said = f"{attempt}{model}[bold]{fields['status']}[/] {fields['reason']}"
    if fields["status"] == "routed":
        return f"{said}, of {fields['ranked']} models"
    if fields["status"] == "requested" and fields["continues"]:
        return f"{said}, goes on with the conversation of {fields['continues']}"
    if fields["status"] == "attempt_failed" and fields["cost_usd_micros"]:
        return f"{said}, {fields['cost_usd_micros']} micro-dollars"
    if fields["status"] != "completed":
        return said
    tokens = f"{fields['input_tokens']}+{fields['output_tokens']} tokens"
    degraded = ", degraded" if fields["degraded"] else ""
    return f"{said}{tokens}, {fields['cost_usd_micros']} micro-dollars, {fields['latency_ms']} ms{degraded}"


def _one(moments: list[Moment], noun: str) -> Moment:
    return next(each for each in moments if each.noun == noun)


def _last(moments: list[Moment], noun: str) -> Moment:
    return [each for each in moments if each.noun == noun][-1]
