"""The first tables: runs with moments, steps, calls and decisions; definitions; identity; what is in."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None

LIFE = "status reason fact recorded_ms# rank# began_at#? ended_at#?"
VERSIONED = "title version# occurred_at# recorded_ms#"
TABLES = {
    "moments": (
        "tenant_id run_id topic event_id",
        "causation_id partition# offset# occurred_at# recorded_ms# step attempt# what status reason",
    ),
    "runs": ("tenant_id run_id", f"{LIFE} workflow version# source subject correlation_id"),
    "steps": ("tenant_id run_id step attempt#", f"{LIFE} agent uses"),
    "calls": (
        "tenant_id run_id call_id",
        f"{LIFE} step attempts# model provider input_tokens# output_tokens# cost_usd_micros# latency_ms# degraded!",
    ),
    "decisions": (
        "tenant_id run_id event_id",
        "step attempt# phase outcome rules rules_version# applied* occurred_at# recorded_ms#",
    ),
    "definitions": ("tenant_id kind id", f"{VERSIONED} digest"),
    "users": ("tenant_id id", f"{VERSIONED} roles* status"),
    "api_keys": ("tenant_id id", f"{VERSIONED} scopes* expires_at# status"),
    "tenants": ("tenant_id id", f"{VERSIONED} status"),
    "applied": ("topic partition#", "offset# recorded_ms# log"),
}
"""By table its key and its other columns: text, or a number (#), a yes or no (!), a list (*); ? is nullable."""
INDEXES = (
    ("runs", "recorded_ms run_id"),
    ("runs", "status recorded_ms run_id"),
    ("runs", "workflow recorded_ms run_id"),
    ("steps", "agent uses status recorded_ms"),
    ("moments", "run_id recorded_ms topic offset"),
)


def upgrade() -> None:
    """Makes them."""
    for table, (key, others) in TABLES.items():
        columns = [column(each, key=True) for each in key.split()] + [column(each) for each in others.split()]
        op.create_table(table, *columns)
    for table, said in INDEXES:
        names = said.split()
        op.create_index(f"{table}_by_{'_'.join(names[:-1])}", table, ["tenant_id", *names])


def downgrade() -> None:
    """Takes them away: all that is in them is on the log."""
    for table in TABLES:
        op.drop_table(table)


def column(said: str, *, key: bool = False) -> sa.Column[Any]:
    """Returns the column that this says, see TABLES."""
    name = said.rstrip("#!*?")
    kinds: dict[str, type[sa.types.TypeEngine[Any]]] = {"#": sa.BigInteger, "!": sa.Boolean, "*": sa.JSON}
    kind = kinds.get(said.removeprefix(name).rstrip("?"), sa.Text)
    if key:
        return sa.Column(name, kind, primary_key=True, autoincrement=False)
    return sa.Column(name, kind, nullable=said.endswith("?"))
