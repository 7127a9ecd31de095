"""Entries of the accounts, dead letters, and a run's moments by event and by cause."""

import sqlalchemy as sa
from alembic import op

from sinks.read_models.migrations.versions.r0001_read_models import column

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None

TABLES = {
    "entries": (
        "tenant_id sequence#",
        "event_id causation_id partition# offset# occurred_at# recorded_ms# kind hold_id run_id step call_id attempt# "
        "model provider workflow principal team amount_usd_micros# held_usd_micros# billed_usd_micros# in_doubt! level "
        "reason",
    ),
    "letters": (
        "tenant_id event_id",
        "partition# offset# occurred_at# recorded_ms# stage source_topic source_partition# source_offset# error reason",
    ),
}
INDEXES = (
    ("moments", "event_id topic"),
    ("moments", "causation_id recorded_ms"),
    ("moments", "recorded_ms topic"),
    ("decisions", "recorded_ms outcome"),
    ("entries", "occurred_at sequence"),
    ("entries", "recorded_ms sequence"),
    ("entries", "run_id sequence"),
    ("entries", "event_id sequence"),
    ("letters", "recorded_ms event_id"),
)


def upgrade() -> None:
    """Makes them; they are filled from the log."""
    for table, (key, others) in TABLES.items():
        columns: list[sa.Column[object]] = [column(each, key=True) for each in key.split()]
        op.create_table(table, *columns, *(column(each) for each in others.split()))
    for table, said in INDEXES:
        names = said.split()
        op.create_index(_name(table, names), table, ["tenant_id", *names])


def downgrade() -> None:
    """Takes them away: all that is in them is on the log."""
    for table, said in INDEXES:
        op.drop_index(_name(table, said.split()), table)
    for table in TABLES:
        op.drop_table(table)


def _name(table: str, names: list[str]) -> str:
    return f"{table}_by_{'_'.join(names[:-1])}"
