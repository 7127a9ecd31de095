"""What the platform decides by: workflows, rules and models, each version kept and named by its digest."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from string import Template
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from domain.branding import DEFAULT as BRANDING
from domain.branding import Branding
from domain.branding import flaw as unfit
from domain.budgets import Budgets
from domain.expressions import check
from domain.federation import IdentityProvider
from domain.identity import PLATFORM, ApiKey, User, Webhook
from domain.ids import derive
from domain.mending import Mended
from domain.models import Constraints, Models, Task, Words, wrong
from domain.names import Name
from domain.offers import IMAGES_MAX, TOOLS_MAX, OfferedTool, unsound
from domain.prices import Prices, flaw
from domain.quotas import Quota
from domain.trust import Access, checked
from schemas.errors import Rejected, Unavailable
from schemas.events import Definition, Pin

STEPS_MAX = 100
BODY_BYTES_MAX = 256 * 1024
UNTRUSTED_MAX = 20
"""Fields of one step that come from elsewhere."""


class BadDefinition(Rejected):
    """The definition is not one that the platform can decide by."""


class UnknownDefinition(Rejected):
    """No definition of this kind and id is known."""


class MissingVersion(Unavailable):
    """The pinned version has not been read yet."""


class Trigger(Struct, frozen=True, forbid_unknown_fields=True):
    """Which events start a run."""

    starts: Literal["first-of-subject", "every-event"] = "first-of-subject"
    """first-of-subject: later events of the subject are attached to its run."""
    when: str | None = None
    """A condition on `event` (source, type, subject, attributes); null: every event."""


class Label(Struct, frozen=True, forbid_unknown_fields=True):
    """The first label whose condition on `input` holds gives its fields to the output."""

    set: dict[str, str]
    when: str = "true"


class Step(Struct, frozen=True, forbid_unknown_fields=True):
    """One step: an agent does one thing to the fields it is given, and adds its own."""

    id: Name
    agent: Literal["ingestion", "analysis", "report", "action"]
    uses: Literal["collect", "classify", "ask", "compose"]
    needs: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    """collect: the fields that go on; empty: all."""
    labels: list[Label] = field(default_factory=list)
    """classify: tried in order."""
    system: str = ""
    """ask: what the model is told to be."""
    template: str = ""
    """ask, compose: text in which $name stands for a field of the input (empty when there is none)."""
    into: str = ""
    """ask, compose: the field the text goes into."""
    max_tokens: int = 256
    task: Task = ""
    """ask: the type of task, by which the models' policy routes it; empty: the default route."""
    constraints: Constraints = Constraints()
    """ask: what is asked of the model that answers."""
    temperature_thousandths: Annotated[int, Meta(ge=0, le=2000)] | None = None
    """ask: how much is left to chance; 0 alone lets an answer be given again. Null: the provider's default."""
    continues: str = ""
    """ask: the step before it whose conversation with a model this one goes on with."""
    untrusted: Annotated[list[str], Meta(max_length=UNTRUSTED_MAX)] = field(default_factory=list)
    """ask: the fields whose text comes from elsewhere, such as a mail; what is aimed at the model is taken out."""
    answer_schema: dict[str, Any] | None = None
    """ask: JSON schema that the answer has to fit; null: any text."""
    tools: Annotated[list[OfferedTool], Meta(max_length=TOOLS_MAX)] = field(default_factory=list)
    """ask: what the model may want called; the wish is the step's result, calling it is a step of its own."""
    images: Annotated[list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=IMAGES_MAX)] = field(
        default_factory=list
    )
    """ask: the fields that hold an image, as a data: or https URL."""
    images_may_leave: bool = False
    """ask: nobody can look through an image for personal data; without this word none is shown to any model."""
    stream: bool = False
    """ask: the answer is taken in pieces, from a model that can, so that one that stops on the way is noticed."""


class Workflow(Struct, frozen=True, forbid_unknown_fields=True):
    """A directed acyclic graph of steps."""

    id: Name
    title: str
    steps: list[Step]
    trigger: Trigger = field(default_factory=Trigger)
    rules: str | None = None
    models: str = "default"

    def step(self, name: str) -> Step:
        """Returns the step of this id; raises BadDefinition when there is none."""
        for each in self.steps:
            if each.id == name:
                return each
        raise BadDefinition(f"workflow {self.id} has no step {name}")

    def continued_by(self, name: str) -> list[Step]:
        """Returns the steps that go on with the conversation of this one."""
        return [each for each in self.steps if each.continues == name]

    def conversation(self, name: str) -> list[Step]:
        """Returns the steps whose calls make up the conversation that this one's asks, itself the last."""
        found = [self.step(name)]
        while found[0].continues:
            found.insert(0, self.step(found[0].continues))
        return found


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """One rule: where it looks, what it looks for, what it does then."""

    id: Name
    why: str
    action: Literal["note", "redact", "restrict", "escalate", "refuse"]
    severity: Literal["low", "medium", "high", "critical"] = "medium"
    phase: Literal["before", "after", "both"] = "before"
    when: str | None = None
    """A condition on `input` and `step` (id, agent, uses); null: always."""
    fields: list[str] = field(default_factory=list)
    """The fields it redacts or looks into; empty with `detect`: all."""
    detect: list[
        Literal[
            "email",
            "phone",
            "iban",
            "card",
            "ssn",
            "vin",
            "mrn",
            "dob",
            "address",
            "ip",
            "passport",
            "licence",
            "nhs",
            "npi",
            "mbi",
        ]
    ] = field(default_factory=list)
    """Kinds of personal data it looks for in the fields' text."""


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    """A set of rules; all are evaluated, the strictest action wins."""

    id: Name
    title: str
    rules: list[Rule]


class Tenant(Struct, frozen=True, forbid_unknown_fields=True):
    """A client of the platform."""

    id: Name
    title: str = ""
    status: Literal["active", "suspended", "deleted"] = "active"
    """Of a suspended one nobody is let in; what it has stays. A deleted one stays so, and nobody else gets its id."""
    quota: Quota = Quota()
    access: Access = Access()
    second_factor: Literal["optional", "required"] = "optional"
    """Required, people without a second factor may do nothing but enrol one."""
    models: Words = []
    """Ids or families it narrows itself to; empty: all that the platform allows it."""
    names: Annotated[list[str], Meta(max_length=5000)] = []
    """Of people: they are concealed from models, as other personal data is."""


Body = (
    Workflow
    | Rules
    | Models
    | Tenant
    | ApiKey
    | Webhook
    | User
    | IdentityProvider
    | Budgets
    | Prices
    | Mended
    | Branding
)
_Kind = TypeVar(
    "_Kind", Workflow, Rules, Models, Tenant, ApiKey, Webhook, User, IdentityProvider, Budgets, Prices, Mended, Branding
)
KINDS: dict[str, type[Body]] = {
    "workflow": Workflow,
    "rules": Rules,
    "models": Models,
    "tenant": Tenant,
    "api-key": ApiKey,
    "webhook": Webhook,
    "user": User,
    "identity-provider": IdentityProvider,
    "budgets": Budgets,
    "prices": Prices,
    "mended-letter": Mended,
    "branding": Branding,
}


def parse(kind: str, body: str) -> Body:
    """Returns the definition in this JSON text; raises BadDefinition naming the field or step that is wrong."""
    if (size := len(body.encode())) > BODY_BYTES_MAX:
        raise BadDefinition(f"{kind}: {size} bytes, more than {BODY_BYTES_MAX}")
    try:
        parsed = msgspec.json.decode(body.encode(), type=KINDS[kind])
    except KeyError:
        raise BadDefinition(f"no kind of definition is called {kind}") from None
    except msgspec.DecodeError as error:
        raise BadDefinition(f"{kind}: {error}") from error
    if isinstance(parsed, Workflow):
        _check_workflow(parsed)
    elif isinstance(parsed, Rules):
        _check_rules(parsed)
    elif isinstance(parsed, Tenant | ApiKey | Webhook):
        networks = parsed.access.networks if isinstance(parsed, Tenant) else parsed.networks
        if fault := checked(networks):
            raise BadDefinition(f"{kind} {parsed.id}: {fault}")
    elif isinstance(parsed, Models) and (fault := wrong(parsed)):
        raise BadDefinition(fault)
    elif isinstance(parsed, Budgets) and (fault := parsed.doubt()):
        raise BadDefinition(f"{kind} {parsed.id}: {fault}")
    elif isinstance(parsed, Branding) and (fault := unfit(parsed)):
        raise BadDefinition(fault)
    elif isinstance(parsed, Prices) and (fault := flaw(parsed)):
        raise BadDefinition(f"prices: {fault}")
    return parsed


def canonical(body: Any) -> str:
    """Returns the body as JSON with sorted keys and no spaces: the text whose SHA-256 names the version.

    Raises BadDefinition for what JSON cannot say.
    """
    try:
        return msgspec.json.encode(body, order="sorted").decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadDefinition(f"a definition that JSON cannot say: {error}") from error


def digest(body: str) -> str:
    """Returns the SHA-256 of the canonical text, in hex."""
    return sha256(body.encode()).hexdigest()


def define(tenant_id: str, kind: str, body: Any, last: Definition | None, moment: datetime) -> Definition | None:
    """Returns the event that makes this body the newest version, None when it already is."""
    text = canonical(body)
    name = str(body["id"])
    parse(kind, text)
    if last is not None and last.digest == digest(text):
        return None
    if kind == "tenant" and last is not None and _body(Tenant, last).status == "deleted":
        raise BadDefinition(f"tenant {name} is deleted: nobody gets its id again")
    version = 1 if last is None else last.version + 1
    event_id = derive(tenant_id, kind, name, str(version), digest(text))
    return Definition(
        event_id=event_id,
        tenant_id=tenant_id,
        correlation_id=event_id,
        occurred_at=moment,
        kind=kind,
        id=name,
        version=version,
        digest=digest(text),
        body=text,
    )


class Definitions:
    """Every version read so far. A reader sees the newest one by name, or any one by digest."""

    def __init__(self, events: Iterable[Definition] = ()) -> None:
        self._history: dict[tuple[str, str, str], list[tuple[int, Definition]]] = {}
        self._versions: dict[str, Definition] = {}
        self._webhooks: dict[str, str] = {}
        """Whose each is, by its id: the first one who has it."""
        self._moment_ms: int | None = None
        self._view: Definitions | None = None
        for event in events:
            self.add(event)

    def add(self, event: Definition, recorded_ms: int = 0) -> None:
        """Takes in one version and when it was appended.

        A version not above the newest changes nothing but can still be found by digest.
        """
        history = self._history.setdefault((event.tenant_id, event.kind, event.id), [])
        if not history or event.version > history[-1][1].version:
            history.append((recorded_ms, event))
        self._versions.setdefault(event.digest, event)
        if event.kind == "webhook":
            self._webhooks.setdefault(event.id, event.tenant_id)

    def at(self, moment_ms: int) -> "Definitions":
        """Returns the same definitions, of which the newest are those appended until then."""
        view = self._view
        if view is None or view._moment_ms != moment_ms:
            view = self._view = Definitions()
            view._history, view._versions, view._moment_ms = self._history, self._versions, moment_ms
            view._webhooks = self._webhooks
        return view

    def last(self, tenant_id: str, kind: str, name: str) -> Definition | None:
        """Returns the newest version of exactly this tenant's definition."""
        for recorded_ms, event in reversed(self._history.get((tenant_id, kind, name), [])):
            if self._moment_ms is None or recorded_ms <= self._moment_ms:
                return event
        return None

    def counts(self, event: Definition) -> bool:
        """Returns whether this event made its version: of two that made the same one, the first counts."""
        return self.made(event.tenant_id, event.kind, event.id, event.event_id) is not None

    def made(self, tenant_id: str, kind: str, name: str, event_id: str) -> Definition | None:
        """Returns the version that the event of this id made, None when it made none."""
        history = self._history.get((tenant_id, kind, name), [])
        return next((each for _, each in history if each.event_id == event_id), None)

    def pin(self, tenant_id: str, kind: str, name: str) -> Pin:
        """Returns the newest version the tenant has, its own before the platform's; raises UnknownDefinition."""
        found = self.last(tenant_id, kind, name) or self.last(PLATFORM, kind, name)
        if found is None:
            raise UnknownDefinition(f"unknown {kind} {name}")
        return Pin(kind=kind, id=name, version=found.version, digest=found.digest)

    def names(self, tenant_id: str, kind: str) -> list[str]:
        """Returns the ids of this kind that the tenant can use."""
        every = list(self._history)  # who follows the log may add to it meanwhile
        return sorted({name for owner, each, name in every if each == kind and owner in (tenant_id, PLATFORM)})

    def ids(self, tenant_id: str, kind: str) -> list[str]:
        """Returns the ids of this kind that are the tenant's own."""
        every = list(self._history)
        return sorted(name for owner, each, name in every if each == kind and owner == tenant_id)

    def users(self, tenant_id: str) -> list[User]:
        """Returns the tenant's people as they are now, by name."""
        found = (self.user(tenant_id, name) for name in self.ids(tenant_id, "user"))
        return [each for each in found if each is not None]

    def has(self, kind: str) -> bool:
        """Returns whether there is a definition of this kind, whoever's it is."""
        return any(each == kind for _, each, _ in list(self._history))

    def workflow(self, pinned: str) -> Workflow:
        """Returns the workflow of this digest; raises MissingVersion."""
        return _body(Workflow, self.version(pinned))

    def rules(self, pinned: str) -> Rules:
        """Returns the rules of this digest; raises MissingVersion."""
        return _body(Rules, self.version(pinned))

    def models(self, pinned: str) -> Models:
        """Returns the models of this digest; raises MissingVersion."""
        return _body(Models, self.version(pinned))

    def prices(self, pinned: str) -> Prices:
        """Returns the price book of this digest; raises MissingVersion."""
        return _body(Prices, self.version(pinned))

    def appended(self, tenant_id: str, kind: str, name: str) -> list[tuple[int, Definition]]:
        """Returns every version of exactly this tenant's definition and when it was appended, the first one first."""
        every = list(self._history.get((tenant_id, kind, name), []))
        return [each for each in every if self._moment_ms is None or each[0] <= self._moment_ms]

    def tenant(self, tenant_id: str) -> Tenant | None:
        """Returns the tenant as it is now, None when there is none."""
        event = self.last(tenant_id, "tenant", tenant_id)
        return _body(Tenant, event) if event is not None else None

    def active(self, tenant_id: str) -> bool:
        """Returns whether anybody of this tenant is let in."""
        tenant = self.tenant(tenant_id)
        return tenant_id == PLATFORM or (tenant is not None and tenant.status == "active")

    def tenants(self) -> list[str]:
        """Returns the ids of all tenants but the platform's own."""
        every = list(self._history)
        return sorted({name for owner, kind, name in every if kind == "tenant" and owner == name != PLATFORM})

    def key(self, tenant_id: str, name: str) -> ApiKey | None:
        """Returns the tenant's API key of this id as it is now, None when there is none."""
        event = self.last(tenant_id, "api-key", name)
        return _body(ApiKey, event) if event is not None else None

    def webhook(self, tenant_id: str, name: str) -> Webhook | None:
        """Returns the tenant's webhook of this id as it is now, None when there is none."""
        event = self.last(tenant_id, "webhook", name)
        return _body(Webhook, event) if event is not None else None

    def webhook_owner(self, name: str) -> str:
        """Returns the tenant whose webhook has this id, empty when there is none."""
        return self._webhooks.get(name, "")

    def user(self, tenant_id: str, name: str) -> User | None:
        """Returns the tenant's user of this name as it is now, None when there is none."""
        event = self.last(tenant_id, "user", name)
        return _body(User, event) if event is not None else None

    def provider(self, tenant_id: str, name: str) -> IdentityProvider | None:
        """Returns the tenant's identity provider of this id as it is now; None when there is none (any more).

        The platform's own people come through none.
        """
        event = self.last(tenant_id, "identity-provider", name) if tenant_id != PLATFORM else None
        found = _body(IdentityProvider, event) if event is not None else None
        return found if found is not None and found.status == "active" else None

    def budgets(self, tenant_id: str) -> tuple[Budgets | None, str | None]:
        """Returns the tenant's budgets as they are now, and their digest; None when it has none."""
        event = self.last(tenant_id, "budgets", "default")
        return (None, None) if event is None else (_body(Budgets, event), event.digest)

    def mended(self, tenant_id: str, letter: str) -> Mended | None:
        """Returns how a dead letter of the tenant was mended, None when it was not."""
        event = self.last(tenant_id, "mended-letter", letter)
        return _body(Mended, event) if event is not None else None

    def branding(self, tenant_id: str) -> Branding | None:
        """Returns how the tenant's pages look, None when it never said."""
        event = self.last(tenant_id, "branding", BRANDING)
        return _body(Branding, event) if event is not None else None

    def team(self, tenant_id: str, principal: str) -> str:
        """Returns the team of who is called `key/<id>`, `user/<name>` or `webhook/<id>`; empty for none."""
        kind, _, name = principal.partition("/")
        of_kind: dict[str, Callable[[str, str], ApiKey | User | Webhook | None]]
        of_kind = {"key": self.key, "user": self.user, "webhook": self.webhook}
        found = of_kind[kind](tenant_id, name) if kind in of_kind else None
        return found.team if found is not None else ""

    def issuers(self, tenant_id: str) -> frozenset[tuple[str, int]]:
        """Returns the issuers of the tenant's identity providers, each with how often it has been added."""
        found = (self.provider(tenant_id, name) for name in self.names(tenant_id, "identity-provider"))
        return frozenset((each.issuer, each.added) for each in found if each is not None)

    def present(self, tenant_id: str, name: str) -> User | None:
        """Returns the user of this name; None, too, when the provider that it comes through was removed since."""
        user = self.user(tenant_id, name)
        if user is None or not user.issuer:
            return user
        return user if (user.issuer, user.provider_added) in self.issuers(tenant_id) else None

    def version(self, pinned: str) -> Definition:
        """Returns the event that made the version of this digest; raises MissingVersion."""
        if pinned not in self._versions:
            raise MissingVersion(f"no definition with digest {pinned} has been read")
        return self._versions[pinned]


def pinned(pins: Iterable[Pin], kind: str) -> Pin | None:
    """Returns the pin of this kind, None when there is none."""
    return next((pin for pin in pins if pin.kind == kind), None)


def _body(kind: type[_Kind], event: Definition) -> _Kind:
    found = _parsed(event.kind, event.body)
    assert isinstance(found, kind)
    return found


@lru_cache(maxsize=1024)
def _parsed(kind: str, body: str) -> Body:
    return parse(kind, body)


def fill(template: str, values: Mapping[str, str]) -> str:
    """Returns the template with each $name replaced; a name without a value gives nothing."""
    return _template(template).substitute(_Absent(values))


class _Absent(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


@lru_cache(maxsize=1024)
def _template(text: str) -> Template:
    return Template(text)


def _check_workflow(workflow: Workflow) -> None:
    where = f"workflow {workflow.id}"
    if not 0 < len(workflow.steps) <= STEPS_MAX:
        raise BadDefinition(f"{where}: {len(workflow.steps)} steps, not 1 to {STEPS_MAX}")
    if workflow.trigger.when:
        check(workflow.trigger.when, ["event"])
    known: set[str] = set()
    for step in workflow.steps:
        if step.id in known:
            raise BadDefinition(f"{where}: two steps are called {step.id}")
        for need in step.needs:
            if need not in known:
                raise BadDefinition(f"{where}: step {step.id} needs {need}, which no step before it is called")
        _check_step(where, step)
        _check_continues(workflow, step, known)
        known.add(step.id)


def _check_step(where: str, step: Step) -> None:
    for label in step.labels:
        check(label.when, ["input"])
    if step.uses == "classify" and not step.labels:
        raise BadDefinition(f"{where}: step {step.id} classifies without labels")
    if step.uses in ("ask", "compose"):
        if not step.template or not step.into:
            raise BadDefinition(f"{where}: step {step.id} needs a template and a field to put the text into")
        if not Template(step.template).is_valid():
            raise BadDefinition(f"{where}: step {step.id}: the template has a $ that no name follows (write $$)")
    if step.uses != "ask" and (step.task or step.constraints != Constraints()):
        raise BadDefinition(f"{where}: step {step.id} asks no model: it has neither a task nor constraints")
    if step.uses != "ask" and (step.untrusted or step.temperature_thousandths is not None):
        raise BadDefinition(f"{where}: step {step.id} asks no model: it has neither a temperature nor untrusted fields")
    _check_offers(f"{where}: step {step.id}", step)
    used = Template(step.template).get_identifiers() if step.untrusted else []
    for name in step.untrusted:
        if name not in used:
            raise BadDefinition(f"{where}: step {step.id}: untrusted field {name} is not in its template")
    if not 0 < step.max_tokens <= 32_768:
        raise BadDefinition(f"{where}: step {step.id}: max_tokens {step.max_tokens} is not 1 to 32768")


def _check_offers(where: str, step: Step) -> None:
    if step.uses != "ask" and (step.tools or step.images or step.answer_schema is not None or step.stream):
        raise BadDefinition(f"{where} asks no model: it has neither tools, images, an answer_schema nor a stream")
    if step.images and not step.images_may_leave:
        raise BadDefinition(f"{where}: nobody can look through images: say images_may_leave: true, or name none")
    if said := unsound(step.tools, step.answer_schema):
        raise BadDefinition(f"{where}: {said}")


def _check_continues(workflow: Workflow, step: Step, known: Collection[str]) -> None:
    """A conversation is gone on with only where it is certain that it was held: behind a step that has to be completed
    before."""
    where = f"workflow {workflow.id}: step {step.id} continues {step.continues}"
    if not step.continues:
        return
    if step.uses != "ask":
        raise BadDefinition(f"{where}, but asks no model itself")
    if step.continues not in known:
        raise BadDefinition(f"{where}, which no step before it is called")
    if workflow.step(step.continues).uses != "ask":
        raise BadDefinition(f"{where}, which asks no model")
    before, left = set[str](), list(step.needs)
    while left:
        name = left.pop()
        if name not in before:
            before.add(name)
            left += workflow.step(name).needs
    if step.continues not in before:
        raise BadDefinition(f"{where}, which it does not need, neither itself nor by way of others")


def _check_rules(rules: Rules) -> None:
    known: set[str] = set()
    for rule in rules.rules:
        where = f"rules {rules.id}: rule {rule.id}"
        if rule.id in known:
            raise BadDefinition(f"{where} stands twice")
        known.add(rule.id)
        if rule.when is not None:
            check(rule.when, ["input", "step"])
        if rule.action == "redact" and not rule.fields and not rule.detect:
            raise BadDefinition(f"{where} redacts, but names neither fields nor what to detect")
