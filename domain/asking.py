"""Decides what a step asks of a model, and which model is asked."""

from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec

from domain import price_book
from domain.call_events import moment, outcome
from domain.conversations import call_id
from domain.definitions import Definitions, Step, fill
from domain.identity import User
from domain.ids import derive
from domain.model_access import Caller
from domain.model_history import Evidence
from domain.models import LOCAL, PROGRAM, Capability, Constraints, Model
from domain.prices import Price, hold
from domain.ranking import Question, routed_fields
from domain.routing import route
from domain.tokens import messages_tokens_max
from domain.untrusted import sanitised
from schemas.events import AiCall, CallStatus, ComplianceDecision, Message


def request(decision: ComplianceDecision, step: Step) -> AiCall:
    """Returns the call that the step makes on its checked input; a restricted step names the local model."""
    asked = call_id(decision.run_id, step.id, decision.attempt)
    given = sanitised(decision.payload, step.untrusted, asked)
    messages = [Message(role="user", content=fill(step.template, given.fields))]
    if system := "\n\n".join(each for each in (step.system, given.notice) if each):
        messages.insert(0, Message(role="system", content=system))
    return AiCall(
        event_id=derive(asked, "requested"),
        tenant_id=decision.tenant_id,
        correlation_id=decision.correlation_id,
        causation_id=decision.event_id,
        occurred_at=decision.occurred_at,
        run_id=decision.run_id,
        step=step.id,
        call_id=asked,
        status=CallStatus.REQUESTED,
        model=LOCAL if decision.restriction == LOCAL else "",
        models_digest=decision.models_digest,
        workflow_digest=decision.workflow_digest,
        rules_digest=decision.rules_digest,
        rules_version=decision.rules_version,
        max_tokens=step.max_tokens,
        messages=messages,
        input=decision.payload,
        principal=decision.principal,
        task=step.task,
        temperature_thousandths=step.temperature_thousandths,
        sanitised=given.removed,
    )


def routed(
    requested: AiCall,
    definitions: Definitions,
    history: Mapping[str, Evidence],
    open_breakers: Collection[str],
    now: datetime,
) -> AiCall:
    """Returns the decision who is asked, with what it was decided by; a call that nobody may answer is refused."""
    assert requested.models_digest is not None
    books = price_book.known(definitions, requested.tenant_id)
    images = sum(len(each.images) for each in requested.messages)
    question = Question(
        task=requested.task,
        input_tokens_max=messages_tokens_max(requested.messages),
        max_tokens=requested.max_tokens,
        needs=_needs(requested),
        restricted=requested.model == LOCAL,
        constraints=_constraints(requested, definitions),
    )

    def priced(model: Model) -> Bound | None:
        try:
            return Bound(books.quote(model, now).price, images)
        except price_book.UnknownPrice:
            return None

    models = definitions.models(requested.models_digest)
    decision = route(question, models, history, caller(requested, definitions), open_breakers, priced)
    if decision.chosen is None:
        return outcome(requested, CallStatus.REFUSED, 0, now, decision.reason)
    return msgspec.structs.replace(
        moment(requested, CallStatus.ROUTED, 0, decision.chosen.model, decision.chosen.provider, now),
        prices_digest=books.digest or None,
        **msgspec.structs.asdict(routed_fields(decision)),
    )


class Bound(msgspec.Struct, frozen=True):
    """A price for a call with so many images."""

    price: Price
    images: int

    def upper_bound(self, input_tokens: int, output_tokens: int) -> int:
        """Returns the most that so many tokens cost."""
        return hold(self.price, input_tokens, output_tokens, self.images)


def caller(requested: AiCall, definitions: Definitions) -> Caller:
    """Returns who asks: a person with its roles, or a program."""
    tenant = definitions.tenant(requested.tenant_id)
    kind, _, name = requested.principal.partition("/")
    roles: tuple[str, ...] = (PROGRAM,)
    if kind == "user":
        user: User | None = definitions.user(requested.tenant_id, name)
        roles = tuple(user.roles) if user is not None else ()
    return Caller(requested.tenant_id, roles, tuple(tenant.models) if tenant is not None else ())


def _needs(requested: AiCall) -> tuple[Capability, ...]:
    return ("chat", "images") if any(each.images for each in requested.messages) else ("chat",)


def _constraints(requested: AiCall, definitions: Definitions) -> Constraints:
    if requested.workflow_digest is None:
        return Constraints()
    return definitions.workflow(requested.workflow_digest).step(requested.step).constraints
