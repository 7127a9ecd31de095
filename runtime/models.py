"""The models as the log, or a file, has them: who may use which, and who would answer a call."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from connectors.reader import read_all
from connectors.registry import codec_of
from domain.administration import found_client
from domain.definitions import Definitions, canonical, parse
from domain.identity import PLATFORM
from domain.model_access import Caller, refusal
from domain.model_history import Evidence, History, after
from domain.models import PROGRAM, Model, Models
from domain.ranking import Question, Routing
from domain.routing import route
from runtime.definitions import load, read
from runtime.deployment import checked, where
from runtime.follower import readable
from runtime.settings import Settings
from schemas.errors import Rejected
from schemas.events import AiCall

KIND = "models"
CALLS = "ai-calls"


class BadQuestion(Rejected):
    """A call that nobody can make is asked about."""


class Offered(Struct, frozen=True):
    """A model, and why the caller may not use it, if so."""

    model: Model
    refused: str


class Catalogue:
    """One definition of models, as a tenant (none: the platform) has it."""

    def __init__(self, models: Models, caller: Caller, kafka: str = "", registry: str = "") -> None:
        self.models = models
        self.caller = caller
        self._log = kafka, registry

    def offered(self) -> list[Offered]:
        """Returns every model, by id."""
        found = sorted(self.models.models, key=lambda each: each.id)
        return [Offered(each, refusal(each, self.models, self.caller)) for each in found]

    def model(self, name: str) -> Offered:
        """Returns the model of this id; raises UnknownModel."""
        found = self.models.model(name)
        return Offered(found, refusal(found, self.models, self.caller))

    def history(self) -> dict[str, Evidence]:
        """Returns what the calls on the log say of each model; none are read where there is no log."""
        kafka, registry = self._log
        if not kafka:
            return {}
        codec, state = codec_of(registry), History()
        for batch in read_all(kafka, [CALLS]):
            for event, _ in readable(batch, codec):
                if isinstance(event, AiCall):
                    state = after(state, event)
        return state.evidence()

    def route(self, question: Question, history: Mapping[str, Evidence], open_breakers: frozenset[str]) -> Routing:
        """Returns who would answer the question, by the prices that the definition says; raises UnknownModel."""
        for name in open_breakers:
            self.models.model(name)
        return route(question, self.models, history, self.caller, open_breakers)


def on_log(conf: Settings, name: str, tenant_id: str | None, roles: tuple[str, ...]) -> Catalogue:
    """Returns the models of this name as the log has them; raises UnknownDefinition, UnknownTenant."""
    kafka, registry = where(conf)
    known: Definitions = read(kafka, codec_of(registry))
    narrowed: list[str] = []
    if tenant_id is not None:
        narrowed = found_client(tenant_id, known.tenant(tenant_id)).models
    models = known.models(known.pin(tenant_id or PLATFORM, KIND, name).digest)
    return Catalogue(models, Caller(tenant_id or PLATFORM, roles or (PROGRAM,), tuple(narrowed)), kafka, registry)


def in_file(path: Path, tenant_id: str | None, roles: tuple[str, ...]) -> Catalogue:
    """Returns the models in a YAML file that may be on no log yet; raises BadDefinition naming file and field."""
    body = load(path)
    with checked(path):
        models = parse(KIND, canonical(body))
    assert isinstance(models, Models)
    return Catalogue(models, Caller(tenant_id or PLATFORM, roles or (PROGRAM,)))


def question(said: Mapping[str, Any]) -> Question:
    """Returns the question that is said; raises BadQuestion naming the field that is wrong."""
    try:
        return msgspec.convert(dict(said), Question)
    except msgspec.ValidationError as error:
        raise BadQuestion(f"no such call: {error}") from error
