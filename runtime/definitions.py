"""Definitions from YAML files to the log, and from the log to whoever decides."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from connectors.publisher import KafkaPublisher
from connectors.reader import read_all
from domain.definitions import BadDefinition, Definitions, define
from domain.identity import PLATFORM
from domain.ports import Publisher
from runtime.follower import Follower, readable
from schemas.codec import Codec
from schemas.errors import Rejected
from schemas.events import Definition
from schemas.record import Record

TOPIC = "definitions"
SOURCE = "auterity/runtime"
FOLDERS = {"workflow": "workflows", "rules": "rules"}


class BadFile(BadDefinition):
    """A definition's file cannot be read."""


class Overtaken(Rejected):
    """Of two that made the next version of a definition, the other one was first on the log."""


def shipped(model: Mapping[str, Any] | None = None) -> list[tuple[str, Any]]:
    """Returns kind and body of every definition that comes with the platform; `model` is added as the default one."""
    root = files("examples")
    found: list[tuple[str, Any]] = []
    for kind, folder in FOLDERS.items():
        entries = sorted(root.joinpath(folder).iterdir(), key=lambda entry: entry.name)
        found += [(kind, yaml.safe_load(entry.read_text())) for entry in entries if entry.name.endswith(".yaml")]
    models = yaml.safe_load(root.joinpath("models.yaml").read_text())
    if model is not None:
        models["models"] = [each for each in models["models"] if each["id"] != model["id"]] + [dict(model)]
        models["default"] = model["id"]
    return [*found, ("models", models)]


def described(model: str) -> dict[str, Any]:
    """Returns what the hosted models that come along say of the one of this id, nothing of another."""
    hosted = yaml.safe_load(files("examples").joinpath("hosted-models.yaml").read_text())
    return next((each for each in hosted["models"] if each["id"] == model), {})


def load(path: Path) -> Any:
    """Returns the definition in a YAML file; raises BadFile naming file and line."""
    try:
        body = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise BadFile(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(body, dict) or "id" not in body:
        raise BadFile(f"{path}: no definition: it has no id")
    return body


def read(bootstrap: str, codec: Codec) -> Definitions:
    """Returns every definition that is on the log now."""
    found = Definitions()
    for batch in read_all(bootstrap, [TOPIC]):
        _add(found, batch, codec)
    return found


async def publish(
    bodies: Iterable[tuple[str, Any]],
    known: Definitions,
    codec: Codec,
    publisher: Publisher,
    now: datetime,
    tenant_id: str = PLATFORM,
) -> list[Definition]:
    """Puts the bodies that differ from the newest version on the log, and returns the new versions."""
    fresh = []
    for kind, body in bodies:
        event = define(tenant_id, kind, body, known.last(tenant_id, kind, str(body["id"])), now)
        if event is not None:
            known.add(event)
            fresh.append(event)
    for event in fresh:
        _check_names(event, known)
    await publisher.publish([codec.encode(event, SOURCE) for event in fresh])
    return fresh


def put(
    bootstrap: str,
    client_id: str,
    bodies: Iterable[tuple[str, Any]],
    known: Definitions,
    codec: Codec,
    now: datetime,
    tenant_id: str,
) -> list[Definition]:
    """Does what `publish` does, over a connection of its own; raises Overtaken when somebody else was faster."""

    async def written() -> list[Definition]:
        async with KafkaPublisher(bootstrap, client_id) as publisher:
            return await publish(bodies, known, codec, publisher, now, tenant_id)

    fresh = asyncio.run(written())
    if fresh:
        now_known = read(bootstrap, codec)
        for event in fresh:
            if not now_known.counts(event):
                raise Overtaken(f"{event.kind} {event.id} was changed by somebody else at the same moment: try again")
    return fresh


def _check_names(event: Definition, known: Definitions) -> None:
    """Raises when a workflow names what neither the log nor the new ones hold.

    UnknownDefinition for rules or models, BadDefinition for a model that a step's constraints name.
    """
    if event.kind == "workflow":
        workflow = known.workflow(event.digest)
        for kind, name in (("rules", workflow.rules), ("models", workflow.models)):
            if name is not None:
                known.pin(event.tenant_id, kind, name)
        models = known.models(known.pin(event.tenant_id, "models", workflow.models).digest)
        ids = {each.id for each in models.models}
        for step in workflow.steps:
            if unknown := sorted(set(step.constraints.models) - ids):
                where = f"workflow {workflow.id}: step {step.id}: constraints"
                raise BadDefinition(f"{where}: models {models.id} has no model {unknown[0]}")


def following(definitions: Definitions, bootstrap: str, codec: Codec) -> Follower:
    """Returns what keeps the definitions up to date with the log."""
    return Follower(bootstrap, TOPIC, lambda batch: _add(definitions, batch, codec))


def _add(definitions: Definitions, batch: Iterable[Record], codec: Codec) -> None:
    for event, recorded_ms in readable(batch, codec):
        assert isinstance(event, Definition)
        definitions.add(event, recorded_ms)
