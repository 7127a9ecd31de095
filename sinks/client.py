"""Asks the analytics endpoint, or a ClickHouse server, over HTTP."""

import json
from typing import Any
from urllib.parse import quote

import httpx2
from msgspec import Struct

from schemas.errors import Rejected, Unavailable
from sinks.engine import CODE_HEADER, TENANT_HEADER, TOO_MANY_QUERIES, QueryRefused, refusal
from sinks.tables import DATABASE

LATER = frozenset({TOO_MANY_QUERIES, 209, 210, 236, 243, 279, 425})
"""ClickHouse's codes for which the same query may work later: too busy, network, aborted, disk full."""


class Table(Struct, frozen=True):
    """Rows and the names of their columns; 64-bit integers are integers."""

    columns: tuple[str, ...]
    rows: list[list[Any]]


def query(
    url: str, token: str, sql: str, tenant: str | None = None, timeout_s: float = 30.0, user: str = "default"
) -> Table:
    """Returns what one reading statement says; the statement has no FORMAT of its own.

    `tenant` narrows it to one tenant; an answer that does not confirm this is thrown away. Raises Rejected with
    ClickHouse's first line, or Unavailable when nothing answers within `timeout_s` (connecting: at most 5 s).
    """
    if tenant == "":
        raise Rejected("an empty tenant owns nothing")
    said = None if tenant is None else quote(tenant, safe="")
    headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": token} | ({} if said is None else {TENANT_HEADER: said})
    asked = {"database": DATABASE, "default_format": "JSONCompact", "max_execution_time": f"{timeout_s:.3f}"}
    limits = httpx2.Timeout(timeout_s + 1, connect=min(5.0, timeout_s))
    try:
        answer = httpx2.post(url, params=asked, headers=headers, content=sql.encode(), timeout=limits, trust_env=False)
    except httpx2.TransportError as error:
        raise Unavailable(f"ClickHouse does not answer: {type(error).__name__} {error}".strip()) from error
    _raise(answer)
    if answer.headers.get(TENANT_HEADER) != said:
        raise Rejected("this ClickHouse does not narrow queries to a tenant")
    try:
        found = json.loads(answer.content)
        return Table(tuple(each["name"] for each in found["meta"]), found["data"])
    except (ValueError, KeyError, TypeError) as error:
        raise Rejected("the answer is not JSONCompact: leave FORMAT out") from error


def _raise(answer: httpx2.Response) -> None:
    code = answer.headers.get(CODE_HEADER)
    if code is not None:
        reason = refusal(answer.text).reason
        if int(code) in LATER:
            raise Unavailable(f"ClickHouse is not ready: {reason}")
        raise QueryRefused(int(code), reason)
    if answer.status_code != 200:
        raise Unavailable(f"ClickHouse answers {answer.status_code}")
