"""Answers other processes' queries over loopback, in the manner of ClickHouse's HTTP interface.

POST (or GET) / with the SQL in the body or in `query`, `param_<name>` for its parameters, `default_format`; errors as
text with `X-ClickHouse-Exception-Code`; GET /ping. The token comes as `X-ClickHouse-Key` or as a password (Basic).
`X-Auterity-Tenant` (percent-encoded) narrows a query to one tenant and is said again in the answer, so that a caller
can tell that it was.
"""

import base64
import binascii
import os
import re
import secrets
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import BoundedSemaphore, Thread
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from msgspec import Struct

from sinks.engine import (
    CODE_HEADER,
    NOT_AUTHENTICATED,
    READONLY,
    SYNTAX,
    TENANT_HEADER,
    TOO_MANY_BYTES,
    TOO_MANY_QUERIES,
    QueryRefused,
)
from sinks.reader import Reader

BODY_BYTES_MAX = 1024 * 1024
QUERIES_MAX = 4
QUEUE_S = 10.0
IDLE_S = 60.0
POLL_S = 0.05
"""How often it looks whether it is to close."""
STATUS = {NOT_AUTHENTICATED: 403, READONLY: 403, 60: 404, 81: 404, 159: 408, TOO_MANY_BYTES: 413, TOO_MANY_QUERIES: 503}
"""HTTP status by ClickHouse's code; 400 for all others."""
TRANSPORT = frozenset(
    {"query", "database", "default_format", "client_protocol_version", "session_id", "query_id", "wait_end_of_query"}
    | {"compress", "enable_http_compression", "send_progress_in_http_headers", "http_headers_progress_interval_ms"}
)
"""Parameters that are no settings of the query; any other but `param_*` and `max_execution_time` is refused."""
FORMAT = re.compile(r"(?!dataframe|datastore|arrowtable)\w+", re.IGNORECASE)


def token_file(data_dir: Path) -> Path:
    """Returns the file that holds the token, made with a new one, readable by its owner only, when there is none."""
    path = data_dir / "clickhouse.token"
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(32))
    return path


class Endpoint:
    """The HTTP server; runs in threads of its own between start and close, on loopback only."""

    def __init__(self, reader: Reader, token: str, port: int = 0, queries_max: int = QUERIES_MAX) -> None:
        """`port` 0 takes a free one; `queries_max` run at once, others wait ten seconds for their turn."""
        if not token:
            raise ValueError("an empty token guards nothing")
        self._server = _Server(reader, token, port, queries_max)
        self._thread = Thread(
            target=self._server.serve_forever, args=(POLL_S,), name="clickhouse-endpoint", daemon=True
        )

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        """Returns at once; connections are taken from now on."""
        self._thread.start()

    def close(self) -> None:
        """Takes no more connections."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def __init__(self, reader: Reader, token: str, port: int, queries_max: int) -> None:
        self.reader = reader
        self.token = token.encode()
        self.turns = BoundedSemaphore(queries_max)
        super().__init__(("127.0.0.1", port), _Handler)


class _Query(Struct, frozen=True, kw_only=True):
    sql: str
    parameters: dict[str, str]
    tenant: str | None
    output: str
    execution_s: float | None


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/ping":
            self._answer(200, b"Ok.\n", {})
        else:
            self._serve(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            self.close_connection = True
            self._fail(QueryRefused(TOO_MANY_BYTES, f"a body has a length, of at most {BODY_BYTES_MAX} bytes"))
        else:
            self._serve(self.rfile.read(int(length)))

    def log_message(self, *_: object) -> None:
        """Says nothing: queries hold personal data."""

    def _serve(self, body: bytes) -> None:
        try:
            self._authenticate()
            query = self._query(body)
            result = self._read(query)
        except QueryRefused as error:
            self._fail(error)
        else:
            said = {} if query.tenant is None else {TENANT_HEADER: quote(query.tenant, safe="")}
            self._answer(200, result, {"X-ClickHouse-Timezone": "UTC", **said})

    def _authenticate(self) -> None:
        given = self.headers.get("X-ClickHouse-Key", "").encode()
        scheme, _, basic = self.headers.get("Authorization", "").partition(" ")
        if not given and scheme.lower() == "basic":
            try:
                given = base64.b64decode(basic).partition(b":")[2]
            except binascii.Error:
                given = b""
        if not compare_digest(given, self.server.token):
            raise QueryRefused(NOT_AUTHENTICATED, "the token is wrong or missing (AUTHENTICATION_FAILED)")

    def _query(self, body: bytes) -> _Query:
        try:
            fields = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True, errors="strict"))
            sql = "\n".join(part for part in (fields.get("query", ""), body.decode()) if part)
        except UnicodeDecodeError as error:
            raise QueryRefused(SYNTAX, "the statement is not UTF-8") from error
        output = fields.get("default_format") or self.headers.get("X-ClickHouse-Format") or "TabSeparated"
        if not FORMAT.fullmatch(output):
            raise QueryRefused(73, f"Unknown format {output}")
        return _Query(
            sql=sql,
            parameters={each[6:]: value for each, value in fields.items() if each.startswith("param_")},
            tenant=self._tenant(),
            output=output,
            execution_s=_seconds(fields),
        )

    def _tenant(self) -> str | None:
        said = self.headers.get_all(TENANT_HEADER) or []
        if not said:
            return None
        try:
            tenant = unquote(said[0], errors="strict") if len(said) == 1 else ""
        except UnicodeDecodeError:
            tenant = ""
        if not tenant:
            raise QueryRefused(READONLY, f"{TENANT_HEADER} names no tenant (percent-encoded)")
        return tenant

    def _read(self, query: _Query) -> bytes:
        if not self.server.turns.acquire(timeout=QUEUE_S):
            raise QueryRefused(TOO_MANY_QUERIES, "too many queries at once; try again")
        try:
            return self.server.reader.read(
                query.sql, query.parameters, query.tenant, query.output, execution_s=query.execution_s
            )
        finally:
            self.server.turns.release()

    def _fail(self, error: QueryRefused) -> None:
        text = f"Code: {error.code}. DB::Exception: {error.reason}\n".encode()
        self._answer(STATUS.get(error.code, 400), text, {CODE_HEADER: str(error.code)})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _seconds(fields: dict[str, str]) -> float | None:
    """Returns the limit of time that was asked for; raises QueryRefused for any other setting."""
    for each in fields:
        if each not in TRANSPORT and each != "max_execution_time" and not each.startswith("param_"):
            raise QueryRefused(READONLY, f"Cannot modify '{each}' setting in readonly mode")
    asked = fields.get("max_execution_time", "0")
    if not re.fullmatch(r"\d{1,6}(\.\d{1,3})?", asked):
        raise QueryRefused(SYNTAX, "max_execution_time is a number of seconds")
    return float(asked) or None
