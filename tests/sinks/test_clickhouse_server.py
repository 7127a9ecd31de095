"""A server's requests and answers, by their shape: no ClickHouse server is at hand for these tests."""

import json
from typing import Any

import pytest
from sink_records import business, codec, identifier, records
from werkzeug import Request, Response

from schemas.errors import Unavailable
from sinks.clickhouse import ClickHouseSink
from sinks.engine import QueryRefused
from sinks.server import ServerEngine


@pytest.fixture
def server(httpserver: Any) -> Any:
    engine = ServerEngine(httpserver.url_for(""), "sink", "secret", timeout_s=2)
    yield engine
    engine.close()


def failing(code: int, status: int = 500) -> Response:
    text = f"Code: {code}. DB::Exception: something (NAME) (version 26.1)"
    return Response(text, status=status, headers={"X-ClickHouse-Exception-Code": str(code)})


def test_an_insert_sends_the_rows_and_reads_what_was_written(httpserver: Any, server: ServerEngine) -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response("", headers={"X-ClickHouse-Summary": json.dumps({"written_rows": "3"})})

    httpserver.expect_request("/", method="POST").respond_with_handler(answer)
    sink = ClickHouseSink(server, codec(), ("business-events",))

    assert sink.write(records([business(number) for number in range(3)])) == []

    (request,) = seen
    assert request.headers["X-ClickHouse-User"] == "sink"
    assert request.headers["X-ClickHouse-Key"] == "secret"
    assert request.args["wait_end_of_query"] == "1"
    assert request.args["query"].startswith("INSERT INTO `auterity`.`business_events_log` (")
    assert " FROM input('`event_id` String, `tenant_id` String, " in request.args["query"]
    assert request.args["query"].endswith(" FORMAT RowBinary")
    assert request.get_data().startswith(b"\x24" + identifier(0).encode() + b"\x04acme")


def test_rows_that_were_not_written_are_not_acknowledged(httpserver: Any, server: ServerEngine) -> None:
    httpserver.expect_request("/").respond_with_data("")
    with pytest.raises(Unavailable, match="-1 rows of 1"):
        ClickHouseSink(server, codec(), ("business-events",)).write(records([business(1)]))


def test_rows_that_a_server_cannot_take_are_halved_until_they_stand_alone(
    httpserver: Any, server: ServerEngine
) -> None:
    httpserver.expect_request("/").respond_with_response(failing(395))
    batch = records([business(number) for number in range(3)])
    refused = ClickHouseSink(server, codec(), ("business-events",)).write(batch)
    assert [each.record for each in refused] == batch


@pytest.mark.parametrize("code", [60, 241, 243, 252])
def test_faults_of_a_server_refuse_no_record(httpserver: Any, server: ServerEngine, code: int) -> None:
    httpserver.expect_request("/").respond_with_response(failing(code))
    with pytest.raises(Unavailable):
        ClickHouseSink(server, codec(), ("business-events",)).write(records([business(1)]))


def test_a_statement_is_a_body_and_its_error_has_clickhouse_s_code(httpserver: Any, server: ServerEngine) -> None:
    httpserver.expect_ordered_request("/", method="POST", data=b"SELECT 1").respond_with_data("[1]\n")
    httpserver.expect_ordered_request("/").respond_with_response(failing(62, 400))
    assert server.execute("SELECT 1") == b"[1]\n"
    with pytest.raises(QueryRefused) as caught:
        server.execute("SELEC 1")
    assert (caught.value.code, str(caught.value)) == (62, "Code: 62. something (NAME)")


def test_a_server_that_is_gone_or_ill_is_unavailable(httpserver: Any, server: ServerEngine) -> None:
    httpserver.expect_request("/").respond_with_data("bad gateway", status=502)
    with pytest.raises(Unavailable, match="502"):
        server.execute("SELECT 1")
    gone = ServerEngine("http://127.0.0.1:9", "u", "p", timeout_s=1)
    with pytest.raises(Unavailable):
        gone.execute("SELECT 1")
    gone.close()
