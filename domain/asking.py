"""Decides what a step asks of a model, and which model is asked."""

from collections.abc import Collection, Mapping, Sequence
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
from domain.offers import offered, pictures, text
from domain.ports import Tool
from domain.prices import Price, hold
from domain.ranking import Question, routed_fields
from domain.routing import route
from domain.tokens import messages_tokens_max, offers_tokens_max
from domain.untrusted import sanitised
from schemas.events import AiCall, CallStatus, ComplianceDecision, Message


def request(decision: ComplianceDecision, step: Step) -> AiCall:
    """Returns the call that the step makes on its checked input; a restricted step names the local model.

    Raises BadImage for a field that should hold an image and does not.
    """
    asked = call_id(decision.run_id, step.id, decision.attempt)
    given = sanitised(decision.payload, step.untrusted, asked)
    shown = pictures(decision.payload, step.images)
    messages = [Message(role="user", content=fill(step.template, given.fields), images=shown)]
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


class Wanted(msgspec.Struct, frozen=True):
    """What a call is about beside its messages, as its pinned workflow says it."""

    tools: tuple[Tool, ...] = ()
    answer_schema: str | None = None
    stream: bool = False
    images_may_leave: bool = False


def wanted(requested: AiCall, definitions: Definitions) -> Wanted:
    """Returns what the call's step offers and wants; nothing for a call of no workflow."""
    if requested.workflow_digest is None:
        return Wanted()
    step = definitions.workflow(requested.workflow_digest).step(requested.step)
    schema = text(step.answer_schema) if step.answer_schema is not None else None
    return Wanted(offered(step.tools), schema, step.stream, step.images_may_leave)


class Leaving(msgspec.Struct, frozen=True):
    """What a hosted model is shown of a call: without the personal data in it."""

    messages: Sequence[Message]
    tools: tuple[Tool, ...] = ()
    answer_schema: str | None = None

    @property
    def tokens_max(self) -> int:
        """No fewer tokens than any model counts."""
        return messages_tokens_max(self.messages) + offers_tokens_max(self.tools, self.answer_schema)


def routed(
    requested: AiCall,
    definitions: Definitions,
    history: Mapping[str, Evidence],
    open_breakers: Collection[str],
    now: datetime,
    leaving: Leaving | None = None,
) -> AiCall:
    """Returns the decision who is asked, with what it was decided by; a call that nobody may answer is refused.

    `leaving`: what will leave, where that is known by now. A token may be longer than what it stands for, so both are
    reckoned with.
    """
    assert requested.models_digest is not None
    books = price_book.known(definitions, requested.tenant_id)
    images = sum(len(each.images) for each in requested.messages)
    more = wanted(requested, definitions)
    plain = Leaving(requested.messages, more.tools, more.answer_schema)
    question = Question(
        task=requested.task,
        input_tokens_max=max(plain.tokens_max, leaving.tokens_max if leaving is not None else 0),
        max_tokens=requested.max_tokens,
        needs=_needs(requested, more),
        restricted=requested.model == LOCAL,
        constraints=constraints(requested, definitions),
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


def _needs(requested: AiCall, more: Wanted) -> tuple[Capability, ...]:
    needs: list[Capability] = ["chat"]
    needs += ["images"] if any(each.images for each in requested.messages) else []
    needs += ["tools"] if more.tools else []
    needs += ["json"] if more.answer_schema is not None else []
    return tuple(needs)


def constraints(requested: AiCall, definitions: Definitions) -> Constraints:
    """Returns what the call's step asks of whoever answers."""
    if requested.workflow_digest is None:
        return Constraints()
    return definitions.workflow(requested.workflow_digest).step(requested.step).constraints
