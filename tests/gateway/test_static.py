"""The page's files: guarded, compressed, kept as long as they are good, and no part of the API."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from live_calls import quiet_feed
from starlette.requests import Request

from gateway.app import Parts, application
from gateway.door import Door
from gateway.live import Live
from gateway.static import page

HTML = {"Accept": "text/html,application/xhtml+xml"}
CODE = b"console.log(1)\n" * 100


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A page as the build leaves it."""
    (tmp_path / "assets").mkdir()
    for name, content in {
        "index.html": b"<!doctype html>",
        "assets/app-1a2b.js": CODE,
        "assets/app-1a2b.js.br": b"brotli",
        "assets/app-1a2b.js.gz": b"gzip",
        "manifest.webmanifest": b"{}",
        ".stamp": b"digest",
    }.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
async def visitor(built: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with visiting(built) as client:
        yield client


def visiting(folder: Path) -> httpx2.AsyncClient:
    """Returns a client of a gateway whose log nothing may be written to."""
    nothing: Any = None
    door = Door(nothing, nothing, nothing, nothing, nothing, nothing)
    parts = Parts(nothing, nothing, nothing, Live(door, quiet_feed()), nothing, nothing, nothing, page=page(folder))
    transport = httpx2.ASGITransport(app=application(door, parts))
    return httpx2.AsyncClient(transport=transport, base_url="http://gateway")


async def test_the_page_runs_no_script_but_its_own_and_stands_in_no_frame(visitor: httpx2.AsyncClient) -> None:
    answer = await visitor.get("/")
    assert (answer.status_code, answer.text) == (200, "<!doctype html>")
    policy = dict(each.split(" ", 1) for each in answer.headers["content-security-policy"].split("; "))
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == ("'none'", "'self'", "'self'")
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("said", "encoding", "body"),
    [("gzip, br", "br", b"brotli"), ("gzip", "gzip", b"gzip"), ("identity", "", CODE), ("deflate;q=1", "", CODE)],
)
async def test_a_file_comes_as_the_browser_reads_it_and_is_kept_for_good(
    visitor: httpx2.AsyncClient, said: str, encoding: str, body: bytes
) -> None:
    async with visitor.stream("GET", "/assets/app-1a2b.js", headers={"Accept-Encoding": said}) as answer:
        assert b"".join([each async for each in answer.aiter_raw()]) == body
    assert answer.headers.get("content-encoding", "") == encoding
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (answer.headers["cache-control"], answer.headers["vary"]) == (
        "public, max-age=31536000, immutable",
        "Accept-Encoding",
    )


@pytest.mark.parametrize("path", ["/", "/app/runs/1", "/app/settings?part=keys", "/nowhere"])
async def test_an_address_of_the_page_is_the_page_and_looked_at_anew_each_time(
    visitor: httpx2.AsyncClient, path: str
) -> None:
    answer = await visitor.get(path, headers=HTML)
    assert (answer.status_code, answer.text) == (200, "<!doctype html>")
    assert answer.headers["cache-control"] == "no-cache"


async def test_a_gateway_without_its_page_says_so_in_one_line(tmp_path: Path) -> None:
    async with visiting(tmp_path / "nowhere") as visitor:
        answer = await visitor.get("/", headers=HTML)
    assert answer.status_code == 503
    assert answer.text.count("\n") == 1
    assert "not built" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/api/v1/nowhere", HTML),
        ("GET", "/nowhere", {"Accept": "application/json"}),
        ("GET", "/assets/gone.js", HTML),
        ("GET", "/.stamp", {}),
        ("GET", "/assets/../../auth.py", {}),
        ("GET", "/assets/%2e%2e/%2e%2e/auth.py", {}),
        ("POST", "/", HTML),
        ("POST", "/app/runs", HTML),
    ],
)
def test_what_is_none_of_the_page_is_left_to_the_door(
    built: Path, method: str, path: str, headers: dict[str, str]
) -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": raw}
    assert page(built).answer(Request({**scope, "server": ("gateway", 80), "scheme": "http"})) is None
