"""Event classes, generated from schemas/avro by schemas/generate.py: edit the schemas, not this file."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field


class StepStatus(StrEnum):
    UNKNOWN = "unknown"
    REQUESTED = "requested"
    PERFORMED = "performed"
    COMPLETED = "completed"
    FAILED = "failed"
    REFUSED = "refused"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class AgentStep(Struct, frozen=True, kw_only=True):
    """A moment in the life of one step of a run."""

    event_id: str
    """UUID: v7 at the edge or v5 of the key that names the event; inside, v5 of the cause or of what it is."""
    tenant_id: str
    """Who the event belongs to."""
    correlation_id: str
    """The id of the first event: one id from the call or the business event to the last micro-dollar."""
    causation_id: str | None = None
    """The event that caused this one; null for a root."""
    occurred_at: datetime
    """When it happened (UTC, microseconds), not when it was written."""
    run_id: str
    """The run."""
    step: str
    """The step's id in its workflow."""
    attempt: int = 1
    """From 1."""
    agent: str = ""
    """Who acts: ingestion, analysis, report or action."""
    uses: str = ""
    """What it does: collect, classify, ask or compose."""
    status: StepStatus = StepStatus.UNKNOWN
    """requested, performed (answer not checked yet), then one of the others."""
    workflow_digest: str | None = None
    """Digest of the pinned workflow."""
    rules_digest: str | None = None
    """Digest of the pinned rules."""
    rules_version: int = 0
    """Version of the pinned rules; 0 when the workflow names none."""
    models_digest: str | None = None
    """Digest of the pinned models and prices."""
    input: dict[str, str] = field(default_factory=dict)
    """What the step was given, before the rules."""
    output: dict[str, str] = field(default_factory=dict)
    """What the step put out; checked when completed."""
    reason: str = ""
    """Why it failed, was refused or skipped; empty otherwise."""
    principal: str = ""
    """Who asked for the run, key/<id> or user/<name>; empty when an event of an enterprise system did."""


class CallStatus(StrEnum):
    UNKNOWN = "unknown"
    REQUESTED = "requested"
    ADMITTED = "admitted"
    STARTED = "started"
    IN_DOUBT = "in_doubt"
    ATTEMPT_FAILED = "attempt_failed"
    COMPLETED = "completed"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    ROUTED = "routed"
    DOWNGRADED = "downgraded"


class ToolCall(Struct, frozen=True, kw_only=True):
    """A tool that a model wants to be called."""

    id: str
    """Names the call within its conversation."""
    name: str
    """The tool."""
    arguments: str
    """What it is given, as JSON."""


class Message(Struct, frozen=True, kw_only=True):
    """One message of a conversation with a model."""

    role: str
    """system, user or assistant."""
    content: str
    """Its text."""
    images: list[str] = field(default_factory=list)
    """Pictures, as data: or https: URLs."""
    tool_calls: list[ToolCall] = field(default_factory=list)
    """Of an assistant: the tools it wants called."""
    tool_call_id: str = ""
    """Of a tool: the call that this answers."""
    name: str = ""
    """Of a tool: its name."""
    digest: str = ""
    """Of a conversation: SHA-256 of the block; alone it names one that was said before, see docs/events.md."""


class Constraint(Struct, frozen=True, kw_only=True):
    """One limit that the call sets on who may answer it."""

    name: str
    """Which limit, as in the step's constraints."""
    value: str = ""
    """Its value as text; several with commas between."""


class Standing(StrEnum):
    UNKNOWN = "unknown"
    CHOSEN = "chosen"
    RANKED_LOWER = "ranked_lower"
    LAST_RESORT = "last_resort"
    NOT_ALLOWED = "not_allowed"
    RESTRICTED_TO_LOCAL = "restricted_to_local"
    NOT_NAMED = "not_named"
    CAPABILITY_MISSING = "capability_missing"
    TIER_TOO_LOW = "tier_too_low"
    CONTEXT_TOO_SMALL = "context_too_small"
    REGION = "region"
    COMPLIANCE = "compliance"
    NO_PRICE = "no_price"
    COST_OVER_MAX = "cost_over_max"
    LATENCY_OVER_MAX = "latency_over_max"
    BREAKER_OPEN = "breaker_open"
    FORBIDDEN = "forbidden"


class Ranked(Struct, frozen=True, kw_only=True):
    """One model of the ranking: what it scores, what it may cost, and why it is chosen or passed over."""

    model: str
    """The model, by its id in the pinned models."""
    provider: str = ""
    """Who serves it."""
    standing: Standing = Standing.UNKNOWN
    """chosen; ranked_lower and last_resort are asked next, in this order; every other one was passed over."""
    reason: str = ""
    """Why, in one line, with figures."""
    score: int = 0
    """Weighted score in thousandths; higher is better."""
    scores: dict[str, int] = field(default_factory=dict)
    """Score by criterion (quality, safety, cost, latency, reliability) in thousandths."""
    cost_usd_micros_max: int = 0
    """The most an attempt can cost, in millionths of a US dollar; -1 without a price."""
    latency_ms: int = 0
    """The latency that was reckoned with; 0 when nothing is known of it."""
    attempts: int = 0
    """Evidence: attempts that the history held."""
    failures: int = 0
    """Evidence: those of them that failed."""
    latency_ms_p50: int = 0
    """Evidence: median of the answered ones."""
    latency_ms_p95: int = 0
    """Evidence: 95th percentile of the answered ones."""


class BudgetLevel(StrEnum):
    UNKNOWN = "unknown"
    WITHIN = "within"
    WARN = "warn"
    DOWNGRADE = "downgrade"
    STOP = "stop"


class Concealment(Struct, frozen=True, kw_only=True):
    """That personal data was taken out before a text left, and where; never what it was."""

    kind: str
    """What it was: email, name, card and so on."""
    text: int = 0
    """Which text, counted from 0; -1: the answer."""
    part: str = ""
    """In a JSON text the place of the value."""
    count: int = 1
    """How many times."""


class Removal(Struct, frozen=True, kw_only=True):
    """That something aimed at the model was taken out of a text from elsewhere, and where; never what it was."""

    kind: str
    """What it was: hidden, markup, template, exfiltration, encoded, override; or cut, beyond the length that is read."""
    place: str = ""
    """The field of the step's input that it stood in."""
    count: int = 1
    """How many times; of cut, how many characters."""


class AiCall(Struct, frozen=True, kw_only=True):
    """A moment in the life of one AI call: one call_id, one completed, whatever the number of attempts."""

    event_id: str
    """UUID: v7 at the edge or v5 of the key that names the event; inside, v5 of the cause or of what it is."""
    tenant_id: str
    """Who the event belongs to."""
    correlation_id: str
    """The id of the first event: one id from the call or the business event to the last micro-dollar."""
    causation_id: str | None = None
    """The event that caused this one; null for a root."""
    occurred_at: datetime
    """When it happened (UTC, microseconds), not when it was written."""
    run_id: str
    """The run."""
    step: str
    """The step that asks."""
    call_id: str
    """The call: v5 of run, step and attempt of the step."""
    status: CallStatus = CallStatus.UNKNOWN
    """requested; routed; for each attempt that costs admitted or downgraded, then started and its outcome; then one of completed, failed, refused, cancelled."""
    attempt: int = 0
    """0 on requested; from 1 on the attempts."""
    model: str
    """The model asked, by its id in the pinned models."""
    provider: str = ""
    """Who serves it: local, or LiteLLM's name of the provider."""
    models_digest: str | None = None
    """Digest of the pinned models and prices."""
    workflow_digest: str | None = None
    """Digest of the pinned workflow."""
    rules_digest: str | None = None
    """Digest of the pinned rules."""
    rules_version: int = 0
    """Version of the pinned rules; 0 when the workflow names none."""
    max_tokens: int = 0
    """The most tokens the answer may have."""
    messages: list[Message] = field(default_factory=list)
    """What is asked, on requested, of a conversation only what is new; on completed the model's own message when it wants tools called, and of a conversation without its text, which is the answer."""
    continues: str = ""
    """The step whose conversation this one goes on with; empty when it begins one; on requested only."""
    continued_by: int = 0
    """How many steps of the workflow go on with this conversation; on requested only."""
    conversation: str = ""
    """Of a conversation: SHA-256 over all its blocks so far, on requested up to what is asked, on completed with the answer."""
    input: dict[str, str] = field(default_factory=dict)
    """The step's checked input; on requested and on the last record; of a conversation in compliance-decisions alone."""
    answer: str = ""
    """What the model said; on completed only."""
    input_tokens: int = 0
    """Tokens read."""
    output_tokens: int = 0
    """Tokens written."""
    cost_usd_micros: int = 0
    """Cost in millionths of a US dollar."""
    latency_ms: int = 0
    """From started to its outcome."""
    degraded: bool = False
    """True when the local extractive provider answered in place of a model."""
    reason: str = ""
    """Why an attempt or the call failed; empty otherwise."""
    principal: str = ""
    """Who asked for the run, key/<id> or user/<name>; empty when an event of an enterprise system did."""
    task: str = ""
    """The kind of task by which the model is chosen; empty for the default one."""
    hold_id: str = ""
    """The hold on the budgets that pays the attempt; empty when it costs nothing."""
    lease_until: datetime | None = None
    """Until when the hold may be spent; on admitted only."""
    finish: str = ""
    """Why the answer ended, as the provider says: stop, length, tool_calls; on completed only."""
    route: str = ""
    """The route of the models' policy that was taken; empty when there is none."""
    input_tokens_max: int = 0
    """Upper bound of the tokens that are read."""
    constraints: list[Constraint] = field(default_factory=list)
    """What the step asks of a model; on routed only."""
    ranking: list[Ranked] = field(default_factory=list)
    """Every model there is: who is asked, in this order, then who was passed over; on routed only."""
    level: BudgetLevel = BudgetLevel.UNKNOWN
    """How full the budgets are: on admitted and downgraded only."""
    prices_digest: str | None = None
    """Digest of the price books that the call is priced by; null when the models' own prices are; on routed only."""
    concealed: list[Concealment] = field(default_factory=list)
    """Personal data that was concealed; on started, and on completed what the answer held."""
    sanitised: list[Removal] = field(default_factory=list)
    """What was taken out of the step's untrusted fields; on requested only."""
    temperature_thousandths: int | None = None
    """How much is left to chance, in thousandths; null: the provider's default; on requested only."""
    cached: str = ""
    """exact or semantic when the answer was given before, to the same question or to one nearly the same; empty when a model was asked; on completed only."""
    cached_from: str = ""
    """The call whose answer is given again; empty when a model was asked."""
    saved_usd_micros: int = 0
    """What that answer cost when a model was asked, in millionths of a US dollar."""


class AlertKind(StrEnum):
    UNKNOWN = "unknown"
    BREAKER_OPENED = "breaker_opened"
    BREAKER_HALF_OPEN = "breaker_half_open"
    BREAKER_CLOSED = "breaker_closed"


class Severity(StrEnum):
    UNKNOWN = "unknown"
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Alert(Struct, frozen=True, kw_only=True):
    """Something that people ought to know of."""

    event_id: str
    """UUID: v7 at the edge or v5 of the key that names the event; inside, v5 of the cause or of what it is."""
    tenant_id: str
    """Who the event belongs to."""
    correlation_id: str
    """The id of the first event: one id from the call or the business event to the last micro-dollar."""
    causation_id: str | None = None
    """The event that caused this one; null for a root."""
    occurred_at: datetime
    """When it happened (UTC, microseconds), not when it was written."""
    kind: AlertKind = AlertKind.UNKNOWN
    """What happened: a model is asked no more for a while, is asked once to see whether it answers, or is asked again."""
    severity: Severity = Severity.UNKNOWN
    """How much it matters."""
    subject: str = ""
    """What it is about, such as a model."""
    source: str = ""
    """Which part of which process says so."""
    reason: str = ""
    """Why, in one line."""
    until: datetime | None = None
    """When it ends by itself; null when it does not."""


class EntryKind(StrEnum):
    UNKNOWN = "unknown"
    HOLD_REQUESTED = "hold_requested"
    SETTLE_REQUESTED = "settle_requested"
    RELEASE_REQUESTED = "release_requested"
    EXPIRY_REQUESTED = "expiry_requested"
    ADJUSTMENT_REQUESTED = "adjustment_requested"
    HELD = "held"
    REFUSED = "refused"
    SETTLED = "settled"
    RELEASED = "released"
    EXPIRED = "expired"
    ADJUSTED = "adjusted"


class Balance(Struct, frozen=True, kw_only=True):
    """One budget after an entry was decided."""

    budget: str
    """The budget's id."""
    member: str
    """Whose it is: the tenant, team, workflow, run or principal."""
    window: str
    """The day, the month, or total."""
    limit_usd_micros: int
    """What may be spent."""
    held_usd_micros: int
    """What open holds may still cost."""
    billed_usd_micros: int
    """What is spent."""


class BudgetEntry(Struct, frozen=True, kw_only=True):
    """One entry of a tenant's budgets and ledger: what is asked for, and what its one writer decided."""

    event_id: str
    """UUID: v7 at the edge or v5 of the key that names the event; inside, v5 of the cause or of what it is."""
    tenant_id: str
    """Who the event belongs to."""
    correlation_id: str
    """The id of the first event: one id from the call or the business event to the last micro-dollar."""
    causation_id: str | None = None
    """The event that caused this one; null for a root."""
    occurred_at: datetime
    """When it happened (UTC, microseconds), not when it was written."""
    kind: EntryKind = EntryKind.UNKNOWN
    """What is asked for (..._requested), or what the tenant's one writer has decided: held or refused; then settled, released or expired; adjusted."""
    sequence: int = 0
    """From 1, without gaps, on what was decided: the first record with a tenant's sequence counts. 0 on what is asked for."""
    hold_id: str = ""
    """The hold: v5 of the call and its attempt; of an adjustment its own id."""
    run_id: str = ""
    """The run whose call it pays; empty on adjustments."""
    step: str = ""
    """The step that asks."""
    call_id: str = ""
    """The AI call."""
    attempt: int = 0
    """The attempt of the call, from 1."""
    model: str = ""
    """The model that is paid."""
    provider: str = ""
    """Who serves it."""
    workflow: str = ""
    """The run's workflow, by its id."""
    principal: str = ""
    """Who asked for the run, key/<id> or user/<name>; empty when an event of an enterprise system did."""
    team: str = ""
    """Their team when it was decided; empty for none."""
    amount_usd_micros: int = 0
    """What is asked for: the upper bound of an attempt, what it cost, or what is added to the ledger."""
    held_usd_micros: int = 0
    """What this adds to the open holds; negative when it ends one. 0 unless decided."""
    billed_usd_micros: int = 0
    """What this adds to the ledger; negative when it takes back. 0 unless decided."""
    in_doubt: bool = False
    """True when nobody knows what the provider billed: the whole hold counts until it is reconciled."""
    lease_until: datetime | None = None
    """When the hold ends by itself."""
    level: BudgetLevel = BudgetLevel.UNKNOWN
    """How full the fullest of its budgets is after it: within, warn, downgrade (only cheaper models), stop (none that cost)."""
    balances: list[Balance] = field(default_factory=list)
    """The budgets that this counts against, as they are after it."""
    budgets_digest: str | None = None
    """Digest of the budgets that decided; null when the tenant has none."""
    models_digest: str | None = None
    """Digest of the models that the call is made under."""
    prices_digest: str | None = None
    """Digest of the price book that priced it; null when the models' own prices did."""
    reason: str = ""
    """Why it was refused or adjusted; empty otherwise."""


class BusinessEvent(Struct, frozen=True, kw_only=True):
    """What an enterprise system says happened."""

    event_id: str
    """UUID: v7 at the edge or v5 of the key that names the event; inside, v5 of the cause or of what it is."""
    tenant_id: str
    """Who the event belongs to."""
    correlation_id: str
    """The id of the first event: one id from the call or the business event to the last micro-dollar."""
    causation_id: str | None = None
    """The event that caused this one; null for a root."""
    occurred_at: datetime
    """When it happened (UTC, microseconds), not when it was written."""
    source: str
    """The system that says so, by the id of its source definition."""
    subject: str
    """What it happened to: a case, an order, a patient."""
    type: str
    """What happened, in the source's words."""
    workflow: str | None = None
    """The workflow this event may start; null for none."""
    attributes: dict[str, str] = field(default_factory=dict)
    """Everything else the source said; declared types in one canonical spelling, nested values as JSON."""
    origin_file: str | None = None
    """SHA-256 (hex) of the first 64 KiB, uncompressed, of the file it was read from; null for a live event."""
    origin_row: int | None = None
    """The row's number in that file, from 0; null for a live event."""
    principal: str = ""
    """Who asked for the run, key/<id> or user/<name>; empty when an event of an enterprise system did."""


class Phase(StrEnum):
    UNKNOWN = "unknown"
    BEFORE = "before"
    AFTER = "after"


class Outcome(StrEnum):
    UNKNOWN = "unknown"
    ALLOWED = "allowed"
    REMEDIATED = "remediated"
    REFUSED = "refused"
    ESCALATED = "escalated"


class Finding(Struct, frozen=True, kw_only=True):
    """One rule that applied, and where."""

    rule: str
    """The rule's id."""
    severity: str
    """low, medium, high or critical."""
    action: str
    """What the rule does: note, redact, restrict, escalate or refuse."""
    path: str = ""
    """The field it found something in; empty for the whole payload."""
    evidence: str = ""
    """What it saw: a kind, a condition, a value that is not personal; never personal data."""


class ComplianceDecision(Struct, frozen=True, kw_only=True):
    """Whether a step may run on its input, or its output may be used."""

    event_id: str
    """UUID: v7 at the edge or v5 of the key that names the event; inside, v5 of the cause or of what it is."""
    tenant_id: str
    """Who the event belongs to."""
    correlation_id: str
    """The id of the first event: one id from the call or the business event to the last micro-dollar."""
    causation_id: str | None = None
    """The event that caused this one; null for a root."""
    occurred_at: datetime
    """When it happened (UTC, microseconds), not when it was written."""
    run_id: str
    """The run."""
    step: str
    """The step's id."""
    attempt: int = 1
    """The step's attempt."""
    phase: Phase = Phase.UNKNOWN
    """before the step, on its input; after it, on its output."""
    outcome: Outcome = Outcome.UNKNOWN
    """remediated: changed or restricted and may go on; escalated: may go on, and a person is to look at it."""
    rules: str | None = None
    """Id of the rules it was decided under."""
    rules_version: int = 0
    """Their version; 0 when the workflow names none."""
    rules_digest: str | None = None
    """Their digest."""
    workflow_digest: str | None = None
    """Digest of the pinned workflow."""
    models_digest: str | None = None
    """Digest of the pinned models and prices."""
    findings: list[Finding] = field(default_factory=list)
    """Every rule that applied."""
    restriction: str | None = None
    """local: the step may ask only the local model; null for none."""
    payload: dict[str, str] = field(default_factory=dict)
    """The input or output as it may be used, redactions done; empty when refused."""
    principal: str = ""
    """Who asked for the run, key/<id> or user/<name>; empty when an event of an enterprise system did."""


class Header(Struct, frozen=True, kw_only=True):
    """One header of a record."""

    name: str
    """Its name."""
    value: bytes | None = None
    """Its bytes."""


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A record that could not be decoded or decided, as it was."""

    event_id: str
    """UUID: v7 at the edge or v5 of the key that names the event; inside, v5 of the cause or of what it is."""
    tenant_id: str
    """Who the event belongs to."""
    correlation_id: str
    """The id of the first event: one id from the call or the business event to the last micro-dollar."""
    causation_id: str | None = None
    """The event that could not be decided; null when it could not be read."""
    occurred_at: datetime
    """When it happened (UTC, microseconds), not when it was written."""
    stage: str
    """The stage that gave it up."""
    source_topic: str
    """Where it lies."""
    source_partition: int
    """Its partition."""
    source_offset: int
    """Its offset."""
    source_key: bytes | None = None
    """Its key."""
    source_value: bytes | None = None
    """Its value, byte for byte."""
    source_headers: list[Header] = field(default_factory=list)
    """Its headers, credentials left out."""
    error: str
    """The class of the error."""
    reason: str
    """What is wrong, in one line."""


class Definition(Struct, frozen=True, kw_only=True):
    """One version of something the platform decides by; every version is kept."""

    event_id: str
    """UUID: v7 at the edge or v5 of the key that names the event; inside, v5 of the cause or of what it is."""
    tenant_id: str
    """Who the event belongs to."""
    correlation_id: str
    """The id of the first event: one id from the call or the business event to the last micro-dollar."""
    causation_id: str | None = None
    """The event that caused this one; null for a root."""
    occurred_at: datetime
    """When it happened (UTC, microseconds), not when it was written."""
    kind: str
    """tenant, user, api-key, workflow, rules or models."""
    id: str
    """Its id within the kind."""
    version: int
    """From 1."""
    digest: str
    """SHA-256 (hex) of the body."""
    body: str
    """The definition as canonical JSON (keys sorted, no spaces)."""


class IngestPosition(Struct, frozen=True, kw_only=True):
    """How far a file has been taken, as acknowledged by Kafka."""

    event_id: str
    """UUID: v7 at the edge or v5 of the key that names the event; inside, v5 of the cause or of what it is."""
    tenant_id: str
    """Who the event belongs to."""
    correlation_id: str
    """The id of the first event: one id from the call or the business event to the last micro-dollar."""
    causation_id: str | None = None
    """The event that caused this one; null for a root."""
    occurred_at: datetime
    """When it happened (UTC, microseconds), not when it was written."""
    source: str
    """The source it was read as."""
    file: str
    """SHA-256 (hex) of the file's first 64 KiB, uncompressed."""
    file_name: str
    """Its name when it was read."""
    workflow: str | None = None
    """The workflow its events name."""
    rows: int
    """Rows from the start that are acknowledged or rejected: none of them is sent again."""
    accepted: int
    """Rows of these that became events."""
    rejected: int
    """Rows of these that were refused."""
    content: str
    """SHA-256 (hex) over these rows, chained row by row; tells a file that was changed or has grown."""
    complete: bool
    """True when the end of the file was reached."""


class RequestKind(StrEnum):
    UNKNOWN = "unknown"
    RUN = "run"
    CALL = "call"
    CONNECTION = "connection"
    ATTACHMENT = "attachment"


class Pin(Struct, frozen=True, kw_only=True):
    """One definition, fixed at its version."""

    kind: str
    """workflow, rules or models."""
    id: str
    """The definition's id within its kind."""
    version: int
    """The definition's version, from 1."""
    digest: str
    """SHA-256 (hex) of the definition's canonical body."""


class CallOutcome(StrEnum):
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    LIMITED = "limited"
    FAILED = "failed"


class Request(Struct, frozen=True, kw_only=True):
    """What the platform was asked to do."""

    event_id: str
    """UUID: v7 at the edge or v5 of the key that names the event; inside, v5 of the cause or of what it is."""
    tenant_id: str
    """Who the event belongs to."""
    correlation_id: str
    """The id of the first event: one id from the call or the business event to the last micro-dollar."""
    causation_id: str | None = None
    """The event that caused this one; null for a root."""
    occurred_at: datetime
    """When it happened (UTC, microseconds), not when it was written."""
    kind: RequestKind = RequestKind.UNKNOWN
    """run starts a workflow run; attachment brings a later event to a run; call and connection came through the gateway."""
    run_id: str | None = None
    """The run it starts or is attached to; null for a call."""
    source: str = ""
    """The source of the business event behind it, or the door it came through."""
    subject: str = ""
    """The subject of the business event behind it."""
    type: str = ""
    """The type of the business event behind it."""
    workflow: str | None = None
    """The workflow to run."""
    pins: list[Pin] = field(default_factory=list)
    """The versions this run is decided under: workflow, rules, models."""
    attributes: dict[str, str] = field(default_factory=dict)
    """The input of the run."""
    route: str = ""
    """Of a call: its method and its path with the names of parameters."""
    outcome: CallOutcome = CallOutcome.UNKNOWN
    """Of a call: what became of it."""
    status: int = 0
    """Of a call: the HTTP status it was answered with."""
    principal: str = ""
    """Who called, or asked for the run, key/<id> or user/<name>; empty when nobody is known."""
    address: str = ""
    """Of a call: where it came from."""
    reasons: list[str] = field(default_factory=list)
    """Of a call: why it was let in or not, and what was wrong with it."""
    events: int = 0
    """Of a call: how many events it put on the log."""
    calls: int = 1
    """How many calls it stands for: refusals of one address beyond its limit are one event a second."""


class SessionStatus(StrEnum):
    UNKNOWN = "unknown"
    OPEN = "open"
    ENDED = "ended"
    TRIED = "tried"


class Session(Struct, frozen=True, kw_only=True):
    """How long somebody stays logged in: begun, renewed, ended. Holds nothing that opens a door."""

    event_id: str
    """UUID: v7 at the edge or v5 of the key that names the event; inside, v5 of the cause or of what it is."""
    tenant_id: str
    """Who the event belongs to."""
    correlation_id: str
    """The id of the first event: one id from the call or the business event to the last micro-dollar."""
    causation_id: str | None = None
    """The event that caused this one; null for a root."""
    occurred_at: datetime
    """When it happened (UTC, microseconds), not when it was written."""
    session: str
    """The id of the session; all tokens given in it name it. Of a code: the id of the second factor."""
    user: str
    """Who is logged in, by the name within the tenant."""
    number: int
    """How often it has been renewed; the first record with a number counts. Of a code: its time step, below 0 a recovery code, 0 a wrong one."""
    status: SessionStatus = SessionStatus.UNKNOWN
    """open when it was begun or renewed; ended; tried is a code that somebody showed of a second factor."""
    expires_at: datetime
    """When it ends unless it is renewed before."""
    reason: str = ""
    """Why it ended."""
    address: str = ""
    """Where the call came from that said it."""
    device: str = ""
    """SHA-256 (hex) of what the device showed; a session that a device began is of no use without it."""
    epoch: int = 0
    """Which of the user's epochs the credentials were of that began it; a new password, a reset or a suspension begins the next, and ends all sessions of those before."""


class RunStatus(StrEnum):
    UNKNOWN = "unknown"
    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class WorkflowRun(Struct, frozen=True, kw_only=True):
    """A moment in the life of a workflow run; the last one of a run ends it."""

    event_id: str
    """UUID: v7 at the edge or v5 of the key that names the event; inside, v5 of the cause or of what it is."""
    tenant_id: str
    """Who the event belongs to."""
    correlation_id: str
    """The id of the first event: one id from the call or the business event to the last micro-dollar."""
    causation_id: str | None = None
    """The event that caused this one; null for a root."""
    occurred_at: datetime
    """When it happened (UTC, microseconds), not when it was written."""
    run_id: str
    """The run."""
    workflow: str
    """The workflow's id."""
    status: RunStatus = RunStatus.UNKNOWN
    """started, then exactly one of the others."""
    source: str = ""
    """The source of the event that started it."""
    subject: str = ""
    """The subject of the event that started it."""
    reason: str = ""
    """Why it was refused or failed; empty otherwise."""
    pins: list[Pin] = field(default_factory=list)
    """The versions it is decided under."""
    libraries: dict[str, str] = field(default_factory=dict)
    """Versions of the libraries that decide, on the first record."""
    output: dict[str, str] = field(default_factory=dict)
    """What the last steps put out, on the last record."""


Event = (
    AgentStep
    | AiCall
    | Alert
    | BudgetEntry
    | BusinessEvent
    | ComplianceDecision
    | DeadLetter
    | Definition
    | IngestPosition
    | Request
    | Session
    | WorkflowRun
)
