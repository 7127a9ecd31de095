"""Asks the analytics of a running platform, as its admin or narrowed to a tenant."""

from pathlib import Path

from runtime.platform import Facts
from runtime.settings import Settings
from sinks.client import Table, query

TOKEN = "clickhouse.token"


def ask(facts: Facts, conf: Settings, sql: str, tenant: str | None = None, timeout_s: float = 60.0) -> Table:
    """Returns what one reading statement says; see sinks.client.query."""
    if conf.clickhouse is not None:
        return query(conf.clickhouse, conf.clickhouse_password, sql, tenant, timeout_s, conf.clickhouse_user)
    token = (Path(facts.data_dir) / TOKEN).read_text()
    return query(facts.url, token, sql, tenant, timeout_s)
