"""The endpoint: what it answers, what it refuses, and that a tenant never sees another."""

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import clickhouse_connect
import httpx2
import pytest
from sink_records import business, codec, records

from schemas.errors import Rejected, Unavailable
from sinks.clickhouse import ClickHouseSink
from sinks.client import Table, query
from sinks.embedded import ChdbEngine
from sinks.endpoint import BODY_BYTES_MAX, Endpoint, token_file
from sinks.engine import QueryRefused
from sinks.reader import Limits, Reader

TOKEN = "a-token-for-tests"
LIMITS = Limits(execution_s=2, memory_bytes=200_000_000, result_rows=10_000, result_bytes=10_000_000)
EVIL = "o'neil\\'); -- %"
Ask = Callable[..., Table]


@contextmanager
def serving(engine: ChdbEngine, folder: Path, database: str) -> Iterator[tuple[ClickHouseSink, Endpoint]]:
    """A database of this name, as a sink prepares it, behind an endpoint."""
    sink = ClickHouseSink(engine, codec(), ("business-events",), database)
    sink.prepare()
    endpoint = Endpoint(Reader(folder, database, LIMITS), TOKEN)
    endpoint.start()
    try:
        yield sink, endpoint
    finally:
        endpoint.close()
        engine.execute(f"DROP DATABASE {database} SYNC")


@pytest.fixture(scope="module")
def database() -> str:
    """One for all tests here: whoever reads changes nothing, and that is what they prove."""
    return "endpoint"


@pytest.fixture(scope="module")
def endpoint(engine: ChdbEngine, folder: Path, database: str) -> Iterator[Endpoint]:
    tenants = ["acme", "acme", "acme", "zeta", "zeta", EVIL]
    with serving(engine, folder, database) as (sink, endpoint):
        sink.write(records([business(number, tenant=tenant) for number, tenant in enumerate(tenants)]))
        sink.write(records([business(0, tenant="acme")], start=50))
        yield endpoint


@pytest.fixture(scope="module")
def ask(endpoint: Endpoint) -> Ask:
    return asking(endpoint)


def asking(endpoint: Endpoint) -> Ask:
    return lambda sql, tenant=None: query(endpoint.url, TOKEN, sql, tenant, timeout_s=5)


def test_an_admin_reads_every_tenant(ask: Ask) -> None:
    table = ask("SELECT tenant_id, count() AS n, max(toInt64(9007199254740993)) AS big FROM business_events GROUP BY 1")
    assert table.columns == ("tenant_id", "n", "big")
    assert sorted(table.rows) == [["acme", 3, 2**53 + 1], [EVIL, 1, 2**53 + 1], ["zeta", 2, 2**53 + 1]]


@pytest.mark.parametrize(
    "sql",
    [
        "SHOW TABLES",
        "DESCRIBE TABLE business_events",
        "EXPLAIN SELECT * FROM business_events",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "SELECT 1 INTERSECT SELECT 1",
        "SHOW CREATE TABLE business_events",
        "SELECT count() FROM system.tables",
        "SELECT count() FROM merge(currentDatabase(), 'business.*')",
        "-- a note\nSELECT 'INTO OUTFILE' /* and another */",
        "SELECT count() FROM numbers(5)",
    ],
)
def test_an_admin_may_read_in_every_way(ask: Ask, sql: str) -> None:
    assert ask(sql).rows


TENANT_READS = {
    "view": "SELECT tenant_id FROM business_events",
    "log": "SELECT DISTINCT tenant_id FROM business_events_log",
    "qualified": "SELECT tenant_id FROM {database}.business_events_log AS q",
    "quoted": "SELECT tenant_id FROM `{database}`.`business_events_log`",
    "final": "SELECT tenant_id FROM business_events_log FINAL",
    "prewhere": "SELECT tenant_id FROM business_events_log PREWHERE tenant_id != 'acme' OR 1",
    "union": "SELECT tenant_id FROM business_events UNION ALL SELECT tenant_id FROM business_events_log",
    "join": "SELECT b.tenant_id FROM business_events a RIGHT JOIN business_events_log b ON 1 = 1",
    "comma join": "SELECT a.tenant_id FROM business_events_log a, business_events_log b",
    "subquery": "SELECT tenant_id FROM (SELECT * FROM (SELECT * FROM business_events_log))",
    "scalar subquery": "SELECT arrayJoin((SELECT groupArray(tenant_id) FROM business_events_log))",
    "cte": "WITH x AS (SELECT * FROM business_events_log) SELECT tenant_id FROM x",
    "recursive cte": "WITH RECURSIVE x AS (SELECT tenant_id FROM business_events_log UNION ALL"
    " SELECT tenant_id FROM x WHERE 0) SELECT tenant_id FROM x",
    "odd strings": "SELECT tenant_id, 'system.one (children 1)\n Set', 'it''s file(' FROM business_events",
    "in a table": "SELECT 'acme' WHERE 'zeta' IN (SELECT tenant_id FROM business_events_log) OR 1",
    "min and max": "SELECT arrayJoin([min(tenant_id), max(tenant_id)]) FROM business_events_log",
    "alias of another": "SELECT tenant_id FROM business_events_log AS business_events",
    "array join": "SELECT tenant_id FROM business_events_log ARRAY JOIN [1, 2] AS n",
    "or true": "SELECT tenant_id FROM business_events WHERE tenant_id = 'zeta' OR 1 = 1",
    "group": "SELECT tenant_id FROM business_events_log GROUP BY tenant_id WITH TOTALS",
    "pipe": "FROM business_events_log |> SELECT tenant_id",
}


@pytest.mark.parametrize("sql", TENANT_READS.values(), ids=TENANT_READS)
def test_a_tenant_reads_its_own_rows_only(ask: Ask, database: str, sql: str) -> None:
    rows = ask(sql.format(database=database), "acme").rows
    assert {row[0] for row in rows} == {"acme"}


def test_a_tenant_s_counts_hold_no_other_s_rows(ask: Ask) -> None:
    assert ask("SELECT count() FROM business_events", "acme").rows == [[3]]
    assert ask("SELECT count() FROM business_events_log", "zeta").rows == [[2]]
    assert ask("SELECT uniqExact(tenant_id), max(_offset) FROM business_events", "zeta").rows == [[1, 4]]


def test_a_table_behind_in_is_narrowed_too(ask: Ask, engine: ChdbEngine, database: str) -> None:
    engine.execute(f"CREATE TABLE {database}.names (tenant_id String) ENGINE = MergeTree ORDER BY tenant_id")
    engine.execute(f"INSERT INTO {database}.names VALUES ('acme'), ('zeta')")
    sql = "SELECT 'acme' IN names, 'zeta' IN names, 'zeta' GLOBAL IN names"
    assert ask(sql).rows == [[1, 1, 1]]
    assert ask(sql, "acme").rows == [[1, 0, 0]]


@pytest.mark.parametrize("tenant", [EVIL, "no such tenant", "ünï", "' OR 1=1 --", "acme'", "acme\\", "%27"])
def test_a_tenant_s_name_is_never_sql(ask: Ask, tenant: str) -> None:
    expected = [[EVIL]] if tenant == EVIL else []
    assert ask("SELECT tenant_id FROM business_events", tenant).rows == expected


TENANT_REFUSED = {
    "merge": "SELECT * FROM merge('{database}', '.*')",
    "index": "SELECT * FROM mergeTreeIndex('{database}', 'business_events_log')",
    "loop": "SELECT * FROM loop({database}.business_events_log) LIMIT 9",
    "eval": "SELECT * FROM eval('SELECT 1')",
    "view function": "SELECT * FROM view(SELECT * FROM business_events_log)",
    "remote": "SELECT * FROM remote('127.0.0.1', {database}.business_events_log)",
    "settings": "SELECT tenant_id FROM business_events SETTINGS additional_table_filters = {{}}",
    "settings inside": "SELECT * FROM (SELECT tenant_id FROM business_events SETTINGS additional_table_filters = {{}})",
    "set": "SET additional_table_filters = {{}}",
    "two statements": "SELECT 1; SET additional_table_filters = {{}}",
    "system": "SELECT * FROM system.tables",
    "system quoted": 'SELECT * FROM "system"."parts"',
    "system in IN": "SELECT 1 WHERE ('a', 'b') IN system.one",
    "system in a subquery": "SELECT (SELECT count() FROM system.tables)",
    "system in a CTE": "WITH x AS (SELECT * FROM system.tables) SELECT * FROM x",
    "information schema": "SELECT * FROM information_schema.tables",
    "another database": "SELECT * FROM default.x",
    "system under an odd alias": "SELECT * FROM system.one AS `x\ny`",
    "system in APPLY": "SELECT * APPLY(x -> (SELECT count() FROM system.tables)) FROM business_events",
    "show": "SHOW TABLES",
    "describe": "DESCRIBE TABLE business_events",
    "explain": "EXPLAIN indexes = 1 SELECT * FROM business_events_log",
    "use": "USE system",
}


@pytest.mark.parametrize("sql", TENANT_REFUSED.values(), ids=TENANT_REFUSED)
def test_a_tenant_is_refused_every_way_around(ask: Ask, database: str, sql: str) -> None:
    with pytest.raises(Rejected):
        ask(sql.format(database=database), "acme")


def test_a_column_named_as_a_function_is_read_behind_its_table(ask: Ask, engine: ChdbEngine, database: str) -> None:
    engine.execute(f"CREATE TABLE {database}.positions (tenant_id String, file String) ENGINE = Memory")
    engine.execute(f"INSERT INTO {database}.positions VALUES ('acme', 'f')")
    assert ask("SELECT positions.file, p.`file` FROM positions AS p", "acme").rows == [["f", "f"]]
    with pytest.raises(Rejected, match="needs its table before it"):
        ask("SELECT file FROM positions", "acme")


def test_a_table_without_tenants_shows_a_tenant_nothing(ask: Ask, engine: ChdbEngine, database: str) -> None:
    engine.execute(f"CREATE TABLE {database}.notes (text String) ENGINE = Memory")
    engine.execute(f"INSERT INTO {database}.notes VALUES ('secret')")
    assert ask("SELECT * FROM notes").rows == [["secret"]]
    assert ask("SELECT * FROM notes", "acme").rows == []


REFUSED = {
    "insert": "INSERT INTO business_events_log (tenant_id) VALUES ('x')",
    "drop": "DROP TABLE business_events_log",
    "create": "CREATE TABLE t (a Int32) ENGINE = Memory",
    "temporary": "CREATE TEMPORARY TABLE t (a Int32)",
    "alter": "ALTER TABLE business_events_log DELETE WHERE 1",
    "truncate": "TRUNCATE TABLE business_events_log",
    "optimize": "OPTIMIZE TABLE business_events_log FINAL",
    "set": "SET readonly = 0",
    "settings": "SELECT 1 SETTINGS readonly = 0",
    "settings inside": "SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 1000)",
    "limits": "SELECT 1 SETTINGS max_execution_time = 1000",
    "system command": "SYSTEM STOP MERGES",
    "kill": "KILL QUERY WHERE 1",
    "use": "USE default",
    "file": "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "file function": "SELECT file('/etc/passwd')",
    "file function inside": "SELECT concat((SELECT FiLe('/etc/passwd')), '')",
    "file function quoted": "SELECT `file`('/etc/passwd')",
    "file function by name": "SELECT arrayMap(file, ['/etc/passwd'])",
    "file function by an alias": "WITH `file` AS f SELECT arrayMap(f, ['/etc/passwd'])",
    "file function applied": "SELECT * APPLY(file) FROM (SELECT '/etc/passwd' AS a)",
    "file function in APPLY": "SELECT * APPLY(x -> length(x)) FROM (SELECT '/etc/passwd' AS a)",
    "file function in a lambda": "WITH (x -> FILE(x)) AS f SELECT f('/etc/passwd')",
    "file function before odd names": "SELECT 1, file('/etc/passwd') AS `x\ny`",
    "file function in SHOW": "SHOW TABLES WHERE file('/etc/passwd') != ''",
    "file function in escapes": "SELECT `f\\x69le`('/etc/passwd')",
    "file function in DESCRIBE": "DESCRIBE TABLE file('/etc/passwd', 'LineAsString')",
    "file function in EXPLAIN": "EXPLAIN SELECT file('/etc/passwd')",
    "file by name": "SELECT * FROM '/etc/passwd'",
    "file in a database": "SELECT * FROM default.`/etc/passwd`",
    "filesystem": "SELECT * FROM filesystem('/etc')",
    "url": "SELECT * FROM url('http://127.0.0.1:9/', 'CSV', 'a String')",
    "s3": "SELECT * FROM s3('http://127.0.0.1:9/b/k', 'CSV', 'a String')",
    "executable": "SELECT * FROM executable('x.sh', 'CSV', 'a String')",
    "python": "SELECT * FROM Python(TOKEN)",
    "sqlite": "SELECT * FROM sqlite('/etc/passwd', 't')",
    "remote": "SELECT * FROM remote('127.0.0.1', system.one)",
    "eval": "SELECT * FROM eval('SELECT file(''/etc/passwd'')')",
    "view": "SELECT * FROM view(SELECT file('/etc/passwd'))",
    "two statements": "SELECT 1; SELECT 2",
    "parallel": "SELECT 1 PARALLEL WITH DROP TABLE business_events_log",
    "explained insert": "EXPLAIN AST INSERT INTO business_events_log SELECT 1",
    "a table by parameter": "SELECT * FROM {t:Identifier}",
    "sleep": "SELECT sleep(1)",
    "nothing": "",
    "nonsense": "SELEC 1",
}


@pytest.mark.parametrize("tenant", [None, "acme"], ids=["admin", "tenant"])
@pytest.mark.parametrize("sql", REFUSED.values(), ids=REFUSED)
def test_what_does_not_only_read_is_refused(ask: Ask, sql: str, tenant: str | None) -> None:
    with pytest.raises(QueryRefused):
        ask(sql, tenant)
    assert ask("SELECT count() FROM business_events_log").rows in ([[7]], [[6]])


@pytest.mark.parametrize(
    "tail", ["INTO OUTFILE '{}'", "into/**/outfile '{}' truncate", "\nINTO\n--x\nOUTFILE '{}' FORMAT CSV"]
)
def test_a_query_writes_no_file(ask: Ask, tmp_path: Path, tail: str) -> None:
    target = tmp_path / "out.csv"
    with pytest.raises(QueryRefused, match="OUTFILE"):
        ask("SELECT 1 " + tail.format(target))
    assert not target.exists()


def test_limits_of_time_memory_and_rows_hold(ask: Ask) -> None:
    with pytest.raises(QueryRefused, match=r"Code: 159\."):
        ask("SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 0")
    with pytest.raises(QueryRefused, match=r"Code: 241\."):
        ask("SELECT length(groupArray(toString(number))) FROM numbers(50000000)")
    with pytest.raises(QueryRefused, match=r"Code: 396\."):
        ask("SELECT number FROM numbers(1000000)")
    assert ask("SELECT 1").rows == [[1]]


def test_an_error_says_clickhouse_s_first_line(ask: Ask) -> None:
    with pytest.raises(QueryRefused, match=r"nosuch.*UNKNOWN_IDENTIFIER") as caught:
        ask("SELECT nosuch FROM business_events")
    assert caught.value.code == 47
    assert "\n" not in str(caught.value)


def post(endpoint: Endpoint, sql: str, key: str | None = TOKEN, **more: Any) -> httpx2.Response:
    headers = ({} if key is None else {"X-ClickHouse-Key": key}) | more.pop("headers", {})
    return httpx2.post(endpoint.url, content=sql.encode(), headers=headers, timeout=10, **more)


@pytest.mark.parametrize("key", [None, "", "wrong", TOKEN + "x", TOKEN[:-1]])
def test_without_the_token_nothing_is_answered(endpoint: Endpoint, key: str | None) -> None:
    answer = post(endpoint, "SELECT 1", key)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "516")


def test_an_empty_token_cannot_be_set(folder: Path) -> None:
    with pytest.raises(ValueError, match="empty token"):
        Endpoint(Reader(folder), "")


def test_ping_needs_no_token(endpoint: Endpoint) -> None:
    assert httpx2.get(endpoint.url + "/ping").text == "Ok.\n"


def test_formats_and_parameters_are_those_of_clickhouse(endpoint: Endpoint) -> None:
    sql = "SELECT {n:Int32} + 1 AS a, {s:String} AS b"
    given = {"param_n": "41", "param_s": "x'y", "default_format": "CSVWithNames"}
    assert post(endpoint, sql, params=given).text == '"a","b"\n42,"x\'y"\n'
    assert post(endpoint, sql + " FORMAT TSV", params=given).text == "42\tx\\'y\n"
    assert post(endpoint, "SELECT 1").text == "1\n"
    assert post(endpoint, "", params={"query": "SELECT 2"}).text == "2\n"
    assert post(endpoint, "SELECT 1", params={"default_format": "DataFrame"}).status_code == 400


def test_a_setting_beside_the_query_is_refused(endpoint: Endpoint) -> None:
    for each in ("readonly", "additional_table_filters", "max_memory_usage"):
        answer = post(endpoint, "SELECT 1", params={each: "0"})
        assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "164")


def test_a_tenant_header_that_names_nobody_is_refused(endpoint: Endpoint) -> None:
    for said in ("", "%FF"):
        assert post(endpoint, "SELECT 1", headers={"X-Auterity-Tenant": said}).status_code == 403
    twice = [("X-ClickHouse-Key", TOKEN), ("X-Auterity-Tenant", "acme"), ("X-Auterity-Tenant", "zeta")]
    assert httpx2.post(endpoint.url, content=b"SELECT 1", headers=twice).status_code == 403


def test_a_body_over_the_limit_is_refused(endpoint: Endpoint) -> None:
    answer = post(endpoint, "SELECT 1 --" + "x" * BODY_BYTES_MAX)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (413, "307")


def test_an_unchanged_clickhouse_client_reads_through_it(endpoint: Endpoint, database: str) -> None:
    port = int(endpoint.url.rsplit(":", 1)[1])
    client = clickhouse_connect.get_client(host="127.0.0.1", port=port, username="any", password=TOKEN)
    found = client.query(f"SELECT tenant_id, count() FROM {database}.business_events GROUP BY 1 ORDER BY 1")
    assert found.result_rows == [("acme", 3), (EVIL, 1), ("zeta", 2)]
    client.close()


def test_a_server_that_does_not_confirm_the_tenant_gives_no_rows(httpserver: Any) -> None:
    httpserver.expect_request("/").respond_with_json({"meta": [{"name": "a"}], "data": [["another's"]]})
    with pytest.raises(Rejected, match="does not narrow"):
        query(httpserver.url_for("/"), TOKEN, "SELECT a FROM t", "acme")


def test_no_answer_is_unavailable_and_too_busy_is_too(endpoint: Endpoint, folder: Path, database: str) -> None:
    with pytest.raises(Unavailable):
        query("http://127.0.0.1:9", TOKEN, "SELECT 1", timeout_s=1)


def test_an_own_format_is_named_as_the_fault(ask: Ask) -> None:
    with pytest.raises(Rejected, match="leave FORMAT out"):
        ask("SELECT 1 FORMAT CSV")


def test_readers_at_once_disturb_no_insert(engine: ChdbEngine, folder: Path) -> None:
    stop = Event()
    errors: list[Exception] = []
    counts: list[int] = []

    def read(ask: Ask) -> None:
        while not stop.is_set():
            try:
                counts.append(ask("SELECT count() FROM business_events WHERE source = 'volvo-it'", "load").rows[0][0])
            except Exception as error:  # noqa: BLE001
                errors.append(error)

    with serving(engine, folder, "readers") as (sink, endpoint):
        ask = asking(endpoint)
        readers = [Thread(target=read, args=(ask,)) for _ in range(3)]
        for each in readers:
            each.start()
        try:
            for batch in range(8):
                events = [business(1000 + batch * 500 + number, tenant="load") for number in range(500)]
                assert sink.write(records(events, start=1000 + batch * 500)) == []
        finally:
            stop.set()
            for each in readers:
                each.join()
        found = ask("SELECT count() FROM business_events", "load").rows

    assert errors == []
    assert all(count % 500 == 0 for count in counts)
    assert found == [[4000]]


def test_the_token_file_is_made_once_and_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = token_file(tmp_path / "data")
    token = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(token) > 40
    assert token_file(tmp_path / "data").read_text() == token
