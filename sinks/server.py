"""A ClickHouse server, reached over HTTP."""

import json

import httpx2

from schemas.errors import Unavailable
from sinks.engine import FORMAT, Content, Load, QueryRefused, literal, of_rows, refusal

INSERT_TIMEOUT_S = 60.0


class ServerEngine:
    """An Engine on a server's HTTP interface. Rows travel as the body of `INSERT ... FROM input(...)`."""

    def __init__(self, url: str, user: str, password: str, timeout_s: float = INSERT_TIMEOUT_S) -> None:
        keys = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}
        self._client = httpx2.Client(base_url=url, headers=keys, timeout=timeout_s)

    def execute(self, sql: str) -> bytes:
        """Runs one statement and returns its output."""
        return self._post({"default_format": "JSONCompactEachRow"}, sql.encode()).content

    def insert(self, load: Load, rows: Content) -> int:
        """Inserts all rows, or none; waits for the end, so the answer counts what was written."""
        sql = load.statement(f"input({literal(load.structure)})") + f" FORMAT {FORMAT}"
        parameters = {"query": sql, "wait_end_of_query": "1", "async_insert": "0"}
        try:
            answer = self._post(parameters, bytes(rows))
        except QueryRefused as error:
            raise of_rows(error) from error
        summary = json.loads(answer.headers.get("X-ClickHouse-Summary", "{}"))
        return int(summary.get("written_rows", -1))

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _post(self, parameters: dict[str, str], body: bytes) -> httpx2.Response:
        try:
            answer = self._client.post("/", params=parameters, content=body)
        except httpx2.TransportError as error:
            raise Unavailable(f"ClickHouse does not answer: {error}") from error
        code = answer.headers.get("X-ClickHouse-Exception-Code")
        if code is not None:
            raise QueryRefused(int(code), refusal(answer.text).reason)
        if answer.status_code != 200:
            raise Unavailable(f"ClickHouse answers {answer.status_code}")
        return answer
