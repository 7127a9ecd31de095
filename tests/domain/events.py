"""Events and definitions of the domain, with everything that a test does not care about filled in."""

from datetime import UTC, datetime
from typing import Any

from domain.definitions import Definitions, canonical, define, digest
from domain.identity import PLATFORM
from domain.ids import derive
from schemas.events import (
    AgentStep,
    AiCall,
    BusinessEvent,
    CallStatus,
    ComplianceDecision,
    Definition,
    Outcome,
    Phase,
    Request,
    RequestKind,
    StepStatus,
)

AT = datetime(2012, 5, 1, 8, tzinfo=UTC)
RUN = derive("run")
LOCAL_MODELS = {"id": "default", "default": "local", "models": [{"id": "local", "provider": "local"}]}


def definition(kind: str, body: Any, last: Definition | None = None, tenant: str = PLATFORM) -> Definition:
    """Returns the next version of the body."""
    found = define(tenant, kind, body, last, AT)
    assert found is not None
    return found


def known(*bodies: tuple[str, Any]) -> Definitions:
    """Returns definitions with the local model and these."""
    return Definitions([definition("models", LOCAL_MODELS), *(definition(kind, body) for kind, body in bodies)])


def workflow(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Returns the body of a workflow called `flow`."""
    return {"id": "flow", "title": "Flow", "steps": list(steps) or [collect("a")], **fields}


def collect(name: str, *needs: str, **fields: Any) -> dict[str, Any]:
    """Returns a step that hands on what it is given."""
    return {"id": name, "agent": "ingestion", "uses": "collect", "needs": list(needs), **fields}


def rules(*each: dict[str, Any]) -> dict[str, Any]:
    """Returns the body of rules called `rules`."""
    return {"id": "rules", "title": "Rules", "rules": [{"why": "Because.", **rule} for rule in each]}


def pins(definitions: Definitions, *kinds: str) -> list[Any]:
    """Returns the pins of flow, rules and models, as far as they are asked for."""
    names = {"workflow": "flow", "rules": "rules", "models": "default"}
    return [definitions.pin("acme", kind, names[kind]) for kind in kinds or ("workflow", "models")]


def business(name: str = "1", **fields: Any) -> BusinessEvent:
    """Returns an event of case-1 that names the workflow `flow`."""
    event_id = derive("business", name)
    said = {"correlation_id": event_id, "source": "test", "subject": "case-1", "type": "Opened", "workflow": "flow"}
    return BusinessEvent(**({"event_id": event_id, "tenant_id": "acme", "occurred_at": AT} | said | fields))


def request(definitions: Definitions, **fields: Any) -> Request:
    """Returns the request for the run."""
    said = {"kind": RequestKind.RUN, "run_id": RUN, "workflow": "flow", "pins": pins(definitions)}
    return Request(**(_head("request") | {"subject": "case-1", "attributes": {"note": "hi"}} | said | fields))


def step(name: str = "a", status: StepStatus = StepStatus.REQUESTED, **fields: Any) -> AgentStep:
    """Returns a moment of a step of the run."""
    return AgentStep(**(_head(f"step {name} {status}") | {"run_id": RUN, "step": name, "status": status} | fields))


def decision(name: str = "a", phase: Phase = Phase.BEFORE, **fields: Any) -> ComplianceDecision:
    """Returns an allowing decision on a step of the run."""
    said = {"run_id": RUN, "step": name, "phase": phase, "outcome": Outcome.ALLOWED}
    return ComplianceDecision(**(_head(f"decision {name} {phase}") | said | fields))


def call(status: CallStatus, **fields: Any) -> AiCall:
    """Returns a moment of the call of step a."""
    said = {"run_id": RUN, "step": "a", "call_id": derive("call"), "status": status, "model": "local"}
    said |= {"models_digest": digest_of(LOCAL_MODELS)}
    return AiCall(**(_head(f"call {status}") | said | fields))


def digest_of(body: Any) -> str:
    """Returns the digest that names a body."""
    return digest(canonical(body))


def _head(name: str) -> dict[str, Any]:
    return {
        "event_id": derive(name),
        "tenant_id": "acme",
        "correlation_id": derive("root"),
        "causation_id": derive("cause"),
        "occurred_at": AT,
    }
