"""The whole flow in memory: every decider, a model, and a scheduler that chooses by a seed what is read next.

Each topic is a log; a stage reads every key of each of its topics in order, and the seed decides which of them next.
With faults, what a stage has read is read again, outputs are written twice, and records come in twice, as after
crashes and retries.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import msgspec

from domain.asking import routed
from domain.book import DECIDED
from domain.call_ends import completed, doubtful, failed
from domain.calls import OVER as NO_CALL
from domain.calls import (
    TRIES_MAX,
    Call,
    admitted,
    aligned,
    asked_again,
    begun,
    onward,
    refused,
    started,
    unspent,
    waits_for,
)
from domain.calls import Next as Follows
from domain.calls import Phase as CallPhase
from domain.conversations import asked as asked_of
from domain.conversations import folded
from domain.decider import Decider, step
from domain.definitions import Definitions, Workflow, define, pinned
from domain.ids import derive
from domain.models import LOCAL
from domain.ports import Answer
from schemas.catalogue import BY_EVENT, TOPICS
from schemas.codec import Codec
from schemas.events import (
    AgentStep,
    AiCall,
    BudgetEntry,
    BusinessEvent,
    CallStatus,
    ComplianceDecision,
    Definition,
    Event,
    Outcome,
    Phase,
    Request,
    RequestKind,
    RunStatus,
    StepStatus,
    WorkflowRun,
)
from schemas.record import Record
from streams.stages import DECIDERS
from tests.event_strategies import AT, recorded

ENDED = {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.REFUSED, RunStatus.CANCELLED}
SETTLED = {StepStatus.COMPLETED, StepStatus.FAILED, StepStatus.REFUSED, StepStatus.SKIPPED, StepStatus.CANCELLED}
OVER = {CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.REFUSED, CallStatus.CANCELLED}
CLOCK = AT + timedelta(days=365)
READ = (CallStatus.REQUESTED, CallStatus.ADMITTED, CallStatus.DOWNGRADED)
BACK_MAX = 2
"""How often a reader is put back while it reads a key: what is read again is written again, and read again."""
MODELS = {
    "id": "default",
    "default": "hosted",
    "models": [
        {"id": "local", "provider": "local"},
        {"id": "hosted", "provider": "somebody", "output_usd_micros_per_million": 150_000},
    ],
}


class Written(msgspec.Struct, frozen=True):
    """One record on a log: who wrote it, and its number among all records of all logs."""

    event: Event
    source: str
    number: int


class Flow:
    """Deciders and a model over logs in memory."""

    def __init__(
        self, definitions: Sequence[Definition], seed: object, *, faults: bool = False, rival_answers: bool = False
    ) -> None:
        self.definitions = Definitions(definitions)
        self.logs: dict[str, dict[str, list[Written]]] = defaultdict(lambda: defaultdict(list))
        self.dead: list[tuple[str, Event, Exception]] = []
        self._versions = list(definitions)
        self._random = Random(f"{seed} schedule")
        self._faults = faults
        self._rival = rival_answers
        self._count = 0
        self._lost = False
        self._states: dict[tuple[str, str], Any] = {}
        self._asked: dict[str, AiCall] = {}
        self._next: dict[tuple[str, str, str], int] = defaultdict(int)
        self._back: dict[tuple[str, str, str], int] = defaultdict(int)
        self._ready: dict[tuple[str, str, str], None] = {}
        self._readers: dict[str, list[str]] = defaultdict(list)
        self._take: dict[str, Callable[[str, Event], Sequence[Event]]] = {}
        for decider in DECIDERS:
            self._add(decider.name, decider.inputs, self._decided(decider))
        self._add("relaycore", ("ai-calls",), self._answered)
        for each in definitions:
            self.write(each, "auterity/runtime")

    def write(self, event: Event, source: str = "test") -> None:
        """Appends the event to its topic."""
        topic = BY_EVENT[type(event)]
        key = topic.key(event)
        self.logs[topic.name][key].append(Written(event, source, self._count))
        self._count += 1
        for reader in self._readers[topic.name]:
            self._ready[reader, topic.name, key] = None

    def run(self) -> None:
        """Goes on until every stage has read everything."""
        while self._ready:
            place = self._random.choice(list(self._ready))
            reader, topic, key = place
            log = self.logs[topic][key]
            written = log[self._next[place]]
            for event in self._take[reader](key, written.event):
                self.write(event, f"auterity/{reader}")
                if self._faults and self._random.random() < 0.05:
                    self.write(event, f"auterity/{reader}")
            if self._lost:
                self._lost = False
                continue
            self._next[place] += 1
            if self._faults and self._back[place] < BACK_MAX and self._random.random() < 0.04:
                self._back[place] += 1
                self._next[place] = self._random.randrange(self._next[place])
            if self._next[place] == len(log):
                self._ready.pop(place, None)

    def crash(self, chance: float) -> None:
        """Puts some of the readers back to a place they have passed."""
        for place, at in list(self._next.items()):
            if self._random.random() < chance:
                self._next[place] = self._random.randrange(at + 1)
                if self._next[place] < len(self.logs[place[1]][place[2]]):
                    self._ready[place] = None

    def written(self) -> list[Written]:
        """Every record, in the order of writing."""
        return sorted(
            (each for keys in self.logs.values() for log in keys.values() for each in log), key=lambda each: each.number
        )

    def first(self, *topics: str) -> list[Any]:
        """The events of the topics (none named: of all), first copies only, in the order of writing."""
        found: dict[tuple[str, str], Event] = {}
        for each in self.written():
            topic = BY_EVENT[type(each.event)].name
            if not topics or topic in topics:
                found.setdefault((topic, each.event.event_id), each.event)
        return list(found.values())

    def records(self, codec: Codec) -> list[Record]:
        """Every record as it lies on Kafka: a key's records in one partition, one millisecond between two appends."""
        ends: dict[tuple[str, int], int] = defaultdict(int)
        found = []
        for each in self.written():
            outgoing = codec.encode(each.event, each.source)
            partition = sum(outgoing.key) % TOPICS[outgoing.topic].partitions
            offset = ends[outgoing.topic, partition]
            ends[outgoing.topic, partition] += 1
            found.append(recorded(outgoing, partition, offset, 1_700_000_000_000 + each.number))
        return found

    def _add(self, name: str, inputs: Sequence[str], take: Callable[[str, Event], Sequence[Event]]) -> None:
        self._take[name] = take
        for topic in inputs:
            self._readers[topic].append(name)

    def _decided(self, decider: Decider) -> Callable[[str, Event], Sequence[Event]]:
        def take(key: str, event: Event) -> Sequence[Event]:
            place = (decider.name, key)
            try:
                decided, state = step(decider, self._states.get(place), event, self.definitions)
            except Exception as error:  # noqa: BLE001  what cannot be decided is a dead letter
                self.dead.append((decider.name, event, error))
                return []
            self._keep(place, state)
            return decided

        return take

    def _keep(self, place: tuple[str, str], state: Any) -> None:
        """Writes the state, or ends before: then the same is read again, and decided from the state of before."""
        self._lost = self._faults and self._random.random() < 0.05
        if not self._lost:
            self._states[place] = state

    def _answered(self, key: str, event: Event) -> Sequence[Event]:  # noqa: PLR0912
        """What RelayCore says; its clock stands still but while a model answers."""
        if not isinstance(event, AiCall) or event.status not in READ:
            return []
        place = ("relaycore", event.call_id)
        call: Call | None = self._states.get(place)
        asked = event if event.status is CallStatus.REQUESTED else self._asked[event.call_id]
        self._asked[event.call_id] = asked
        asked = self._whole(key, asked)
        said: list[Any] = []
        start: AiCall | None = None
        follows = Follows.ONWARD
        if event.status is CallStatus.REQUESTED:
            if call is None:
                decision = routed(asked, self.definitions, {}, (), CLOCK)
                said.append(decision)
                call = begun(decision, 0) if decision.status is CallStatus.ROUTED else NO_CALL
            else:
                follows = asked_again(call)
        elif call is None:
            return [unspent(asked, event, self.definitions, CLOCK)]
        elif event.status is CallStatus.DOWNGRADED and waits_for(call, event):
            more, call = refused(call, event, asked, CLOCK)
            said += more
        else:
            follows = admitted(call, event, CLOCK)
        if follows is Follows.NOTHING:
            return said
        if follows is Follows.UNSPENT:
            return [*said, unspent(asked, event, self.definitions, CLOCK)]
        if follows is Follows.DOUBTFUL:
            more, call = doubtful(call, asked, self.definitions, CLOCK)
            said += more
        if follows is Follows.START:
            call = msgspec.structs.replace(aligned(call, event), phase=CallPhase.OPEN)
            start = started(asked, call, CLOCK)
            said.append(start)
        while not call.over:
            if start is None:
                more, call = onward(call, asked, self.definitions, CLOCK)
                said += more
                start = next((each for each in more if isinstance(each, AiCall) and call.phase is CallPhase.OPEN), None)
                if start is None:
                    break
            ends, after = self._ends(call, asked, start)
            if self._rival and self._random.random() < 0.2:  # ended before the outcome was written, or remembered
                self._states[place] = call
                self._lost = True
                return [*said, *ends] if self._random.random() < 0.5 else said
            said += ends
            call, start = after, None
        self._keep(place, call)
        return said

    def _whole(self, key: str, requested: AiCall) -> AiCall:
        """Returns the request with all that was said before, as the log says it."""
        if not requested.conversation or requested.workflow_digest is None:
            return requested
        steps = self.definitions.workflow(requested.workflow_digest).conversation(requested.step)[:-1]
        before = folded(calls(self.log("ai-calls", key), [each.id for each in steps]))
        return msgspec.structs.replace(requested, messages=list(asked_of(before, requested).messages))

    def log(self, topic: str, key: str) -> list[Any]:
        """The events of one key, in the order of writing."""
        return [each.event for each in self.logs[topic][key]]

    def _ends(self, call: Call, asked: AiCall, start: AiCall) -> tuple[Sequence[Any], Call]:
        """Returns how an attempt ends: as it would each time."""
        chance = Random(asked.call_id)
        wrong = chance.choices([0, 1, TRIES_MAX], [8, 1, 1])[0] if start.model != LOCAL else 0
        now = CLOCK + timedelta(milliseconds=700)
        if call.attempt <= wrong:
            again, billed = chance.random() < 0.9, chance.random() < 0.5
            return failed(call, start, asked, self.definitions, now, reason="no", again=again, billed=billed)
        answer = self._answer(asked, call.attempt, start.model == LOCAL)
        return completed(call, start, asked, answer, self.definitions, now)

    def _answer(self, event: AiCall, number: int, local: bool) -> Answer:
        said = " ".join(event.messages[-1].content.split()[:12])
        if self._rival:
            said += f" ({self._random.random()})"
        return Answer(text=f"So: {said}", input_tokens=7, output_tokens=9, degraded=local)


class Case(msgspec.Struct, frozen=True):
    """Random definitions, and random events of a few subjects."""

    definitions: list[Definition]
    events: list[BusinessEvent]

    def flow(self, seed: object, **options: bool) -> Flow:
        """Returns the flow of this case once everything has been read."""
        flow = Flow(self.definitions, seed, **options)
        random = Random(f"{seed} feed")
        left: dict[str, list[BusinessEvent]] = defaultdict(list)
        for each in self.events:
            left[each.subject].append(each)
        sent: dict[str, list[BusinessEvent]] = defaultdict(list)
        while any(left.values()):
            subject = random.choice(sorted(name for name, events in left.items() if events))
            sent[subject].append(left[subject].pop(0))
            flow.write(sent[subject][-1])
            if options.get("faults") and random.random() < 0.3:
                flow.write(random.choice(sent[subject]))  # its producer tries again
            if random.random() < 0.3:
                flow.run()
        flow.run()
        if options.get("faults"):
            for _ in range(2):
                flow.crash(0.3)
                flow.run()
        return flow


def case(seed: object) -> Case:
    """Returns the case of this seed."""
    random = Random(f"{seed} case")
    bodies: list[tuple[str, Any]] = [("models", MODELS)]
    workflows = [f"flow-{number}" for number in range(random.randint(1, 2))]
    for name in workflows:
        rules = f"rules-{name}" if random.random() < 0.8 else None
        if rules:
            bodies.append(("rules", _rules(rules, random)))
        bodies.append(("workflow", _workflow(name, rules, random)))
    definitions = [event for kind, body in bodies if (event := define("platform", kind, body, None, AT)) is not None]
    events = [
        _business(random, f"case-{subject}", number, random.choice([*workflows, *workflows, None]))
        for subject in range(random.randint(1, 3))
        for number in range(random.randint(1, 4))
    ]
    return Case(definitions, events)


def calls(log: Sequence[Any], steps: Sequence[str]) -> list[tuple[AiCall, AiCall | None]]:
    """Returns the calls of these steps of a run, each as requested and completed, first copies."""
    found: dict[tuple[str, CallStatus], AiCall] = {}
    for each in log:
        if isinstance(each, AiCall):
            found.setdefault((each.step, each.status), each)
    return [(found[each, CallStatus.REQUESTED], found.get((each, CallStatus.COMPLETED))) for each in steps]


def unordered(flow: Flow) -> dict[str, Any]:
    """The events by id, without what budgets decided: that has an order, which is that of what they were asked."""
    found = {}
    for each in flow.first():
        if isinstance(each, BudgetEntry) and each.kind in DECIDED:
            continue
        admitted = isinstance(each, AiCall) and each.status is CallStatus.ADMITTED
        found[each.event_id] = msgspec.structs.replace(each, causation_id=None) if admitted else each
    return found


def problems(flow: Flow) -> Iterator[str]:
    """Yields what must never be: see the test that runs it."""
    events = flow.first()
    by_id = {}
    for each in events:
        if each.event_id in by_id:
            yield f"{each.event_id} is the id of two events"
        by_id[each.event_id] = each
    place = {each.event_id: number for number, each in enumerate(events)}
    requests = {each.run_id: each for each in flow.first("requests") if each.kind is RequestKind.RUN}
    for each in events:
        if isinstance(each, BusinessEvent | Definition):
            continue
        if each.causation_id not in by_id:
            yield f"{each.event_id} was caused by {each.causation_id}, which is nowhere"
        if requests[each.run_id].correlation_id != each.correlation_id:
            yield f"{each.event_id} has another correlation id than its run"
        if requests[each.run_id].tenant_id != each.tenant_id:
            yield f"{each.event_id} has another tenant than its run"
    for error in flow.dead:
        yield f"a dead letter of {error[0]}: {error[2]!r}"
    for run_id, request in requests.items():
        yield from _run_problems(flow, run_id, request, events, place)


def _run_problems(
    flow: Flow, run_id: str, request: Request, events: Sequence[Any], place: dict[str, int]
) -> Iterator[str]:
    mine = [each for each in events if getattr(each, "run_id", None) == run_id]
    runs = [each for each in mine if isinstance(each, WorkflowRun)]
    if [each.status for each in runs if each.status not in ENDED] != [RunStatus.STARTED]:
        yield f"run {run_id} did not start once"
    ends = [each for each in runs if each.status in ENDED]
    if len(ends) != 1:
        yield f"run {run_id} ended {len(ends)} times"
        return
    pin = pinned(request.pins, "workflow")
    assert pin is not None
    workflow = flow.definitions.workflow(pin.digest)
    steps = [each for each in mine if isinstance(each, AgentStep)]
    for name in (each.id for each in workflow.steps):
        settled = [each for each in steps if each.step == name and each.status in SETTLED]
        if len(settled) != 1:
            yield f"step {name} of run {run_id} settled {len(settled)} times"
        elif place[settled[0].event_id] > place[ends[0].event_id] or settled[0].occurred_at > ends[0].occurred_at:
            yield f"run {run_id} ended before its step {name}"
    yield from _call_problems(workflow, mine)
    statuses = {each.status for each in steps}
    expected = RunStatus.COMPLETED
    if StepStatus.REFUSED in statuses:
        expected = RunStatus.REFUSED
    if StepStatus.FAILED in statuses:
        expected = RunStatus.FAILED
    if ends[0].status is not expected:
        yield f"run {run_id} is {ends[0].status}, not {expected}"


def _call_problems(workflow: Workflow, mine: Sequence[Any]) -> Iterator[str]:
    for each in workflow.steps:
        may = [
            decision
            for decision in mine
            if isinstance(decision, ComplianceDecision)
            and (decision.step, decision.phase) == (each.id, Phase.BEFORE)
            and decision.outcome is not Outcome.REFUSED
        ]
        calls = [call for call in mine if isinstance(call, AiCall) and call.step == each.id]
        wanted = 1 if each.uses == "ask" and may else 0
        for name, statuses in (("requested", {CallStatus.REQUESTED}), ("over", OVER)):
            if (count := sum(call.status in statuses for call in calls)) != wanted:
                yield f"the call of step {each.id} was {count} times {name}, not {wanted}"
        if wanted and may[0].restriction == LOCAL and {call.model for call in calls} != {LOCAL}:
            yield f"step {each.id} may ask the local model only"


_TEXTS = [
    "Brakes squeak",
    "4111 1111 1111 1111",
    "ada@example.com calls",
    "+49 171 1234567",
    "",
    "12",
    "a $ b",
    "Größe",
]
_CONDITIONS = [
    "true",
    "false",
    'has(input.impact) && input.impact == "High"',
    'has(input.note) && input.note.contains("e")',
    "int(input.number) > 5",
    'input.absent == "x"',
    'has(input.text) && input.text != ""',
]
_STEP_CONDITIONS = [*_CONDITIONS, 'step.uses == "ask"', 'step.id == "s1"']
_FIELDS = ["impact", "note", "number", "text", "name"]


def _workflow(name: str, rules: str | None, random: Random) -> Any:
    steps: list[dict[str, Any]] = []
    behind: dict[str, set[str]] = {}
    for number in range(random.randint(1, 6)):
        before = [f"s{each}" for each in range(number)]
        needs = random.sample(before, random.randint(0, min(2, len(before))))
        step = _step(f"s{number}", needs, random)
        behind[step["id"]] = {*needs, *(each for need in needs for each in behind[need])}
        held = [each["id"] for each in steps if each["uses"] == "ask" and each["id"] in behind[step["id"]]]
        if step["uses"] == "ask" and held and random.random() < 0.7:
            step["continues"] = random.choice(held)
            step["system"] = random.choice(
                ["", "", "Be brief, and say nothing that the customer would not want to be told."]
            )
        steps.append(step)
    starts = random.choice(["first-of-subject", "first-of-subject", "every-event"])
    trigger = {"starts": starts}
    if random.random() < 0.4:
        trigger["when"] = random.choice(['event.type == "Opened"', "has(event.attributes.impact)", "true"])
    body = {"id": name, "title": name, "trigger": trigger, "steps": steps}
    return {**body, "rules": rules} if rules else body


def _step(name: str, needs: list[str], random: Random) -> Any:
    uses = random.choice(["collect", "classify", "ask", "ask", "compose"])
    step: dict[str, Any] = {"id": name, "agent": "analysis", "uses": uses, "needs": needs}
    if uses == "collect":
        step["fields"] = random.sample(_FIELDS, random.randint(0, 3))
    elif uses == "classify":
        labels: list[Any] = [
            {"when": random.choice(_CONDITIONS), "set": {random.choice(_FIELDS): random.choice(_TEXTS)}}
            for _ in range(random.randint(1, 2))
        ]
        step["labels"] = labels
    else:
        step["template"] = f"$note and $text of $impact in {name}"
        step["into"] = random.choice(["text", "summary", name])
    return step


def _rules(name: str, random: Random) -> Any:
    rules = []
    for number in range(random.randint(1, 5)):
        action = random.choice(["note", "redact", "redact", "restrict", "escalate", "refuse"])
        rule: dict[str, Any] = {
            "id": f"r{number}",
            "why": "Because.",
            "action": action,
            "phase": random.choice(["before", "after", "both"]),
        }
        if action == "refuse" or random.random() < 0.4:
            rule["when"] = random.choice(_STEP_CONDITIONS if action != "refuse" else _STEP_CONDITIONS[1:])
        if action == "redact" or random.random() < 0.3:
            rule["fields"] = random.sample(_FIELDS, random.randint(1, 2))
        if random.random() < 0.4:
            rule["detect"] = random.sample(["email", "phone", "iban", "card"], random.randint(1, 4))
        rules.append(rule)
    return {"id": name, "title": name, "rules": rules}


def _business(random: Random, subject: str, number: int, workflow: str | None) -> BusinessEvent:
    event_id = derive("test", subject, str(number))
    attributes = {name: random.choice(_TEXTS) for name in random.sample(_FIELDS, random.randint(1, 5))}
    if random.random() < 0.5:
        attributes["impact"] = "High"
    return BusinessEvent(
        event_id=event_id,
        tenant_id="acme",
        correlation_id=event_id,
        occurred_at=AT + timedelta(seconds=random.randrange(5)),  # equal and turned round moments, too
        source="test",
        subject=subject,
        type=random.choice(["Opened", "Changed"]),
        workflow=workflow,
        attributes=attributes,
    )
