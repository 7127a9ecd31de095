"""Decides whose vectors find a question again: those that are made here, or a free model's that the call may go to."""

from datetime import datetime

import msgspec
from msgspec import Struct

from domain import price_book
from domain.asking import caller, constraints
from domain.definitions import Definitions
from domain.models import VECTORS
from domain.ranking import FREE, Question
from domain.routing import route
from schemas.events import AiCall


class Vectors(Struct, frozen=True):
    """Whose vectors they are, and where they are made."""

    model: str
    endpoint: str | None = None


HERE = Vectors(VECTORS)


def vectors(requested: AiCall, definitions: Definitions, now: datetime) -> Vectors | None:
    """Returns whose vectors the call's question may get, None when it may get none.

    The model is held against the limits that hold for who answers: caller, tenant, regions, certificates, names.
    Nothing is held on the budgets for vectors, so a model that has come to cost something gives none.
    """
    assert requested.models_digest is not None
    models = definitions.models(requested.models_digest)
    if models.cache.vectors == VECTORS:
        return HERE
    model = models.model(models.cache.vectors)
    try:
        price = price_book.known(definitions, requested.tenant_id).quote(model, now).price
    except price_book.UnknownPrice:
        return None
    costs = price.input_usd_micros_per_million or price.embedding_usd_micros_per_million
    question = Question(
        input_tokens_max=0, max_tokens=0, needs=("embeddings",), constraints=constraints(requested, definitions)
    )
    alone = msgspec.structs.replace(models, default=model.id, models=[model], policy=[])
    decision = route(question, alone, {}, caller(requested, definitions), (), lambda _: FREE)
    return Vectors(model.id, model.endpoint) if decision.chosen is not None and not costs else None
