"""The work of a Python peer, as one would write it with fastavro: decode, decide, encode. Needs nothing of ours.

Only the compliance decision is ours, because everybody makes the same one; it is imported where it is made.
"""

import json
from collections.abc import Callable
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import fastavro

AVRO = Path(__file__).parents[2] / "schemas" / "avro"
NAMESPACE = UUID("b6cfb7a4-6a33-5d0e-9c4a-0f3c8f5f7a11")
ATTACHED = frozenset({"order placed", "order paid", "order packed", "order shipped"})
PREFIX = 5
"""Magic byte and schema id, before the Avro body."""

Output = tuple[str, bytes, bytes]
"""Topic, key, value."""


@cache
def schema(topic: str) -> Any:
    """Returns the topic's schema, parsed."""
    return fastavro.parse_schema(json.loads((AVRO / f"{topic.replace('-', '_')}.avsc").read_text()))


def decoder(topic: str) -> Callable[[bytes], dict[str, Any]]:
    """Returns what makes a dictionary of a value of this topic."""
    parsed, read = schema(topic), fastavro.schemaless_reader

    def decode(value: bytes) -> dict[str, Any]:
        stream = BytesIO(value)
        stream.seek(PREFIX)
        return read(stream, parsed, None)  # type: ignore[return-value]

    return decode


def encoder(topic: str, number: int) -> Callable[[dict[str, Any]], bytes]:
    """Returns what makes a value of this topic, with this schema id, of a dictionary."""
    parsed, write, prefix = schema(topic), fastavro.schemaless_writer, b"\0" + number.to_bytes(4, "big")

    def encode(event: dict[str, Any]) -> bytes:
        out = BytesIO()
        out.write(prefix)
        write(out, parsed, event)
        return out.getvalue()

    return encode


def router(ids: dict[str, int]) -> Callable[[dict[str, Any]], Output]:
    """Returns what makes a request of some types and a step of the others, with all that the event says."""
    request, step = encoder("requests", ids["requests"]), encoder("agent-steps", ids["agent-steps"])

    def route(event: dict[str, Any]) -> Output:
        run_id = _derive(event["tenant_id"], event["subject"], "run")
        attached = event["type"] in ATTACHED
        topic = "requests" if attached else "agent-steps"
        made = {
            "event_id": _derive(event["event_id"], topic),
            "tenant_id": event["tenant_id"],
            "correlation_id": event["correlation_id"],
            "causation_id": event["event_id"],
            "occurred_at": event["occurred_at"],
            "run_id": run_id,
        }
        if attached:
            made["kind"] = "attachment"
            for name in ("source", "subject", "type", "workflow", "attributes"):
                made[name] = event[name]
            return topic, run_id.encode(), request(made)
        made["step"] = event["type"]
        made["agent"] = "ingestion"
        made["uses"] = "collect"
        made["status"] = "requested"
        made["input"] = event["attributes"]
        return topic, run_id.encode(), step(made)

    return route


def judge(ids: dict[str, int]) -> Callable[[dict[str, Any]], Output]:
    """Returns what makes the compliance decision of a requested step: the very function that our stage calls."""
    import msgspec

    from benchmarks.rules import known
    from domain.compliance import Compliance
    from schemas.events import AgentStep

    topic = "compliance-decisions"
    encode, decide, definitions = encoder(topic, ids[topic]), Compliance().decide, known()

    def judged(event: dict[str, Any]) -> Output:
        step = msgspec.convert(event, AgentStep)
        (decision,) = decide(None, step, definitions)
        return topic, step.run_id.encode(), encode(msgspec.to_builtins(decision, builtin_types=(datetime, bytes)))

    return judged


def _derive(*parts: str) -> str:
    return str(uuid5(NAMESPACE, "\x1f".join(parts)))
