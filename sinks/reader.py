"""Reads the embedded ClickHouse for others: read-only, within limits, narrowed to a tenant."""

from collections.abc import Mapping
from pathlib import Path

from chdb.state.sqlitelike import Connection
from msgspec import Struct

from sinks.embedded import run
from sinks.engine import literal, name
from sinks.guard import judge_text, judge_tree
from sinks.tables import DATABASE


class Limits(Struct, frozen=True, kw_only=True):
    """What one query may take."""

    execution_s: float = 30.0
    memory_bytes: int = 1024 * 1024 * 1024
    result_rows: int = 1_000_000
    result_bytes: int = 64 * 1024 * 1024
    threads: int = 2


class Reader:
    """Answers statements on the folder that this process owns, each on a connection of its own.

    The connection's settings are fixed before the statement comes: `readonly = 1` lets it change none of them. For a
    tenant they hold a filter for every table there is in the database, so whatever names a table sees only its rows;
    a table without `tenant_id` has none. Filters do not reach table functions and other databases: sinks.guard does.
    """

    def __init__(self, folder: Path, database: str = DATABASE, limits: Limits | None = None) -> None:
        self._folder = folder
        self._database = database
        self._limits = limits or Limits()

    def read(
        self,
        sql: str,
        parameters: Mapping[str, str] | None = None,
        tenant: str | None = None,
        output: str = "JSONCompact",
        execution_s: float | None = None,
    ) -> bytes:
        """Returns what one reading statement puts out, in its own FORMAT or else in `output`; raises QueryRefused.

        `tenant` narrows it to that tenant; None is the platform's admin. `execution_s` may only lower the limit.
        """
        connection = Connection(str(self._folder))
        try:
            run(connection, f"USE {name(self._database)}", output)
            run(connection, self._fixed(connection, tenant, execution_s), output)
            statement = _text(connection, f"SELECT formatQuerySingleLine({literal(sql)})").rstrip("\n")
            judge_text(statement, tenant=tenant is not None)
            tree = _text(connection, f"EXPLAIN AST {statement}", parameters)
            judge_tree(tree, self._database, tenant=tenant is not None)
            return run(connection, statement, output, parameters).bytes()
        finally:
            connection.close()

    def _fixed(self, connection: Connection, tenant: str | None, execution_s: float | None) -> str:
        limits = self._limits
        settings = {
            "max_execution_time": str(min(limits.execution_s, execution_s or limits.execution_s)),
            "timeout_overflow_mode": "'throw'",
            "max_memory_usage": str(limits.memory_bytes),
            "max_result_rows": str(limits.result_rows),
            "max_result_bytes": str(limits.result_bytes),
            "result_overflow_mode": "'throw'",
            "max_threads": str(limits.threads),
            "output_format_json_quote_64bit_integers": "0",
        }
        if tenant is not None:
            settings["additional_table_filters"] = self._filters(connection, tenant)
        return "SET " + ", ".join(f"{each} = {value}" for each, value in settings.items()) + ", readonly = 1"

    def _filters(self, connection: Connection, tenant: str) -> str:
        listed = _text(
            connection,
            "SELECT t.name, countIf(c.name = 'tenant_id') FROM system.tables AS t LEFT JOIN system.columns AS c"
            " ON c.database = t.database AND c.table = t.name"
            f" WHERE t.database = {literal(self._database)} GROUP BY t.name",
        )
        filters = []
        for line in listed.splitlines():
            table, has_tenant = line.rsplit("\t", 1)
            own = f"tenant_id = unhex('{tenant.encode().hex()}')" if has_tenant == "1" else "0"
            filters.append(f"{literal(f'{self._database}.{table}')}: {literal(own)}")
        return "{" + ", ".join(filters) + "}"


def _text(connection: Connection, sql: str, parameters: Mapping[str, str] | None = None) -> str:
    return run(connection, sql, "TabSeparatedRaw", parameters).bytes().decode()
