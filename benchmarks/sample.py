"""The data: business events of a shop and requested steps, each a function of its number."""

from datetime import UTC, datetime, timedelta

from domain.ids import derive
from schemas.events import AgentStep, BusinessEvent, StepStatus

TENANT = "benchmark"
SUBJECTS = 10_000
TYPES = (
    "order placed",
    "order paid",
    "order packed",
    "order shipped",
    "order returned",
    "invoice sent",
    "invoice paid",
    "payment refused",
)
ATTACHED = TYPES[:4]
"""Types that become a request; the others become a step."""
REGIONS = ("eu-de", "eu-at", "eu-se", "us-ny")
NOTES = (
    "The brakes squeak when it rains; please call +49 30 23125 417.",
    "Where is the second set of keys? Write to mail@example.com.",
    "The invoice names IBAN DE89 3704 0044 0532 0130 00, ours is another.",
    "A test drive on Saturday morning would suit both of us.",
)
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


def business_event(number: int) -> BusinessEvent:
    """Returns the event of this number, some 250 bytes as Avro; 10,000 subjects in turn."""
    event_id = derive(TENANT, "event", str(number))
    return BusinessEvent(
        event_id=event_id,
        tenant_id=TENANT,
        correlation_id=event_id,
        occurred_at=BEGINNING + timedelta(milliseconds=number),
        source="shop",
        subject=f"order-{number * 7919 % SUBJECTS:05}",
        type=TYPES[number % len(TYPES)],
        workflow="incident-triage",
        attributes={
            "amount": str(number % 1000),
            "channel": "telephone",
            "currency": "EUR",
            "customer": f"customer-{number % 4999}",
            "region": REGIONS[number % len(REGIONS)],
            "priority": "high" if number % 10 == 0 else "normal",
        },
    )


def agent_step(number: int, rules_digest: str) -> AgentStep:
    """Returns the requested step of this number, as a dealership's lead would make it."""
    run_id = derive(TENANT, "run", str(number))
    return AgentStep(
        event_id=derive(run_id, "collect", "requested"),
        tenant_id=TENANT,
        correlation_id=run_id,
        causation_id=run_id,
        occurred_at=BEGINNING + timedelta(milliseconds=number),
        run_id=run_id,
        step="collect",
        agent="ingestion",
        uses="collect",
        status=StepStatus.REQUESTED,
        rules_digest=rules_digest,
        rules_version=1,
        input={
            "kind": "lead" if number % 2 else "service",
            "consent": "true" if number % 20 else "false",
            "customer": "Alena Birkwald",
            "email": "alena.birkwald@example.com",
            "phone": "+49 30 23125 417",
            "region": REGIONS[number % len(REGIONS)],
            "model": "Nordwind 5 Kombi",
            "note": NOTES[number // 2 % len(NOTES)],
        },
    )
