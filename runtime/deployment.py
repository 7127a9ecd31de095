"""What a Kafka needs before anything runs on it: topics, schemas, definitions."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.kafka import ensure_topics, ready
from connectors.registry import Registry
from domain.definitions import BadDefinition, canonical, parse
from domain.identity import PLATFORM
from runtime.definitions import described, load, put, read, shipped
from runtime.settings import Settings
from schemas.catalogue import TOPICS
from schemas.errors import Rejected
from schemas.events import Definition

log = logging.getLogger(__name__)

MARKS = {"steps": "workflow", "rules": "rules", "models": "models", "prices": "prices", "budgets": "budgets"}
"""The field by which the kind of a definition's file is known; a workflow may name rules too, so steps come first."""


def define(conf: Settings, files: Sequence[Path], tenant_id: str | None) -> list[Definition]:
    """Publishes the files' definitions (none: the shipped ones), and returns the versions that are new."""
    bodies = [_body(path) for path in files] or shipped(hosted(conf))
    if tenant_id is None and any(kind == "budgets" for kind, _ in bodies):
        raise BadDefinition("budgets are a tenant's: say whose with --tenant")
    kafka, registry = where(conf)
    return prepare(kafka, registry, conf, bodies, tenant_id or PLATFORM)


def prepare(
    kafka: str, registry_url: str, conf: Settings, bodies: Sequence[tuple[str, Any]], tenant_id: str = PLATFORM
) -> list[Definition]:
    """Makes the topics that are missing, registers the schemas, publishes the definitions that are new or changed."""
    ready(kafka)
    ensure_topics(kafka, TOPICS.values(), conf.kafka_replicas)
    registry = Registry(registry_url)
    try:
        registry.require_backward()
        codec = registry.codec()
    finally:
        registry.close()
    return put(kafka, "auterity-define", bodies, read(kafka, codec), codec, datetime.now(UTC), tenant_id)


def where(conf: Settings) -> tuple[str, str]:
    """Returns Kafka and registry: as the settings say, else of the platform that runs on the data directory."""
    from runtime.platform import facts

    if conf.kafka is not None and conf.registry is not None:
        return conf.kafka, conf.registry
    here = facts(conf)
    return conf.kafka or here.kafka, conf.registry or here.registry


def hosted(conf: Settings) -> dict[str, object] | None:
    """Returns the definition of the hosted model that the settings name, with LiteLLM's price; None for none.

    What the hosted models that come along say of it stands there too. One on a server that the settings name, and of
    which no price is known, costs nothing: it is one's own. Any other one without a price is not asked until a price
    book says what it costs, and a warning says so.
    """
    if conf.model is None:
        return None
    from connectors.models.hosted import prices

    given, taken = prices(conf.model)
    free = conf.model_api_base is not None and not given and not taken
    if not free and not given and not taken:
        log.warning("no price of the model is known: it is not asked until one is set", extra={"model": conf.model})
    return {
        **described(conf.model),
        "id": conf.model,
        "provider": conf.model.partition("/")[0],
        "input_usd_micros_per_million": given,
        "output_usd_micros_per_million": taken,
        "free": free,
    }


@contextmanager
def checked(path: Path) -> Iterator[None]:
    """Names the file of a definition that is refused."""
    try:
        yield
    except Rejected as error:
        raise BadDefinition(f"{path}: {error}") from error


def _body(path: Path) -> tuple[str, Any]:
    body = load(path)
    kind = _kind(path, body)
    with checked(path):
        parse(kind, canonical(body))
    return kind, body


def _kind(path: Path, body: dict[str, Any]) -> str:
    for mark, kind in MARKS.items():
        if mark in body:
            return kind
    raise BadDefinition(f"{path}: neither a workflow (steps), nor rules, nor models, nor prices, nor budgets")
