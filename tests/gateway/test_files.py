"""A tenant's files: kept whole, seen by nobody else, and named so that they lead nowhere."""

import asyncio
import errno
import os
import stat
import time
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest
from gateway_calls import calls
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from connectors.publisher import KafkaPublisher
from domain.files import BadFileName, BadPage, Listed, named, page
from domain.quotas import Quota
from gateway.bodies import BODY_BYTES_MAX
from gateway.folders import ABANDONED_S, Folders, NotAFile, Part
from schemas.codec import Codec
from schemas.errors import Unavailable
from schemas.events import CallOutcome
from tests.gateway.conftest import NOW, at_quota, calling, key

CONTENT = os.urandom(100_000)
TRICKS = [
    "..",
    ".",
    "",
    "../other/a.txt",
    "../../secrets.json",
    "%2e%2e/other/a.txt",
    "%2e%2e%2fother%2fa.txt",
    "..%2f..%2fsecrets.json",
    "%252e%252e%252fa.txt",
    "..%5c..%5csecrets.json",
    "..\\secrets.json",
    "%2fetc%2fpasswd",
    "/etc/passwd",
    "//etc/passwd",
    "C:%5Cwindows",
    "a.txt%00",
    "a.txt%00.png",
    "%00",
    "a%2fb",
    "a/b",
    "a/../b",
    "a%0a",
    "a%0d%0aX-Header:%20b",
    ".lock",
    ".part-x",
    ".hidden",
    "-rf",
    "~root",
    "a.",
    "a%20",
    "%20a",
    "a%3bb",
    "a%22b",
    "a*",
    "$(id)",
    "%uff0e%uff0e",
    "%ef%bc%8e%ef%bc%8e%ef%bc%8fa",
    "%e2%80%a5",
    "%c0%ae%c0%ae%c0%afa",
    "%ff%fe",
    "%e2%80%ae%67%6e%70.a",
    "a%cc%81",
    "%d0%b0.txt",
    "%f0%9f%92%a9",
    "x" * 201,
    "x" * 20_000,
    "../" * 2_000 + "a",
]


KEYS = {tenant: {"X-API-Key": key(tenant, "f").text} for tenant in ("acme", "other")}


def files(publisher: Any, codec: Codec, folder: Path, **more: Any) -> httpx2.AsyncClient:
    """Returns a client that speaks with the key of acme for files."""
    client = calling(publisher, codec, folder=folder, **more)
    client.headers = httpx2.Headers(KEYS["acme"])
    return client


async def ask(client: httpx2.AsyncClient, method: str, target: str, body: bytes = b"") -> int:
    """Sends the target as it is written, as a server hands it on; returns the status."""
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(target),
        "raw_path": target.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in KEYS["acme"].items()],
        "client": ("192.0.2.1", 1),
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    transport: Any = client._transport
    await transport.app(scope, receive, send)
    status: int = sent[0]["status"]
    return status


def kept(folder: Path) -> list[str]:
    """Returns the files there are, of all tenants."""
    names = [str(path.relative_to(folder / "files")) for path in (folder / "files").rglob("*") if not path.is_dir()]
    return sorted(name for name in names if not name.endswith(".lock"))


async def test_a_file_is_kept_whole_read_listed_and_deleted_and_each_of_it_is_an_event(
    log: Any, registered: Codec, publisher: KafkaPublisher, tmp_path: Path
) -> None:
    digest = sha256(CONTENT).hexdigest()
    async with files(publisher, registered, tmp_path) as client:
        stored = await client.put("/api/v1/files/plan 7.pdf", content=CONTENT)
        assert (stored.status_code, stored.headers["ETag"]) == (201, f'"{digest}"')
        assert (await client.put("/files/plan 7.pdf", content=CONTENT)).status_code == 200
        path = tmp_path / "files" / "acme" / "plan 7.pdf"
        assert path.read_bytes() == CONTENT
        assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)] == [
            0o600,
            0o700,
            0o700,
        ]
        read = await client.get("/files/plan 7.pdf")
        assert (read.status_code, read.content, read.headers["ETag"]) == (200, CONTENT, f'"{digest}"')
        assert read.headers["Content-Disposition"] == 'attachment; filename="plan 7.pdf"'
        assert (read.headers["Content-Type"], read.headers["X-Content-Type-Options"]) == (
            "application/octet-stream",
            "nosniff",
        )
        (listed,) = (await client.get("/files")).json()["files"]
        assert (listed["name"], listed["bytes"]) == ("plan 7.pdf", 100_000)
        assert (await client.get("/files/plan 7.pdf", headers=KEYS["other"])).status_code == 404
        assert (await client.get("/files", headers=KEYS["other"])).json()["files"] == []
        assert (await client.delete("/files/plan 7.pdf", headers=KEYS["other"])).status_code == 404
        assert (await client.delete("/files/plan 7.pdf")).status_code == 200
        assert (await client.get("/files/plan 7.pdf")).status_code == 404
    assert kept(tmp_path) == []
    facts = [(call.status, call.type, call.subject, call.attributes) for call in calls(log, registered) if call.type]
    said = {"bytes": "100000", "sha256": digest}
    assert facts == [
        (201, "FileStored", "plan 7.pdf", said),
        (200, "FileStored", "plan 7.pdf", said),
        (200, "FileRead", "plan 7.pdf", {"sha256": digest}),
        (200, "FileDeleted", "plan 7.pdf", said),
    ]


async def test_no_spelling_of_a_name_leads_anywhere_and_each_try_is_an_event(
    log: Any, registered: Codec, publisher: KafkaPublisher, tmp_path: Path
) -> None:
    (tmp_path / "secrets.json").write_text("secret")
    async with files(publisher, registered, tmp_path) as client:
        for prefix in ("/files/", "/api/v1/files/"):
            for trick in TRICKS:
                for method in ("PUT", "GET", "DELETE"):
                    status = await ask(client, method, prefix + trick, b"x")
                    no_route = "\n" in unquote(trick)[:-1]
                    assert (method, trick, status) == (method, trick, 404 if no_route else 400)
        assert await ask(client, "PUT", "/../files/a", b"x") == 404
        assert await ask(client, "PUT", "/files%2fa.txt%2f..", b"x") == 400
    assert not (tmp_path / "files").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secrets.json"]
    assert len(calls(log, registered)) == 6 * len(TRICKS) + 2


async def test_what_is_no_file_is_neither_read_nor_written_nor_deleted(
    log: Any, registered: Codec, publisher: KafkaPublisher, tmp_path: Path
) -> None:
    secret, own = tmp_path / "secret", tmp_path / "files" / "acme"
    secret.write_text("secret")
    own.mkdir(parents=True)
    (own / "link").symlink_to(secret)
    (own / "dangling").symlink_to(tmp_path / "made")
    (own / "folder").mkdir()
    os.mkfifo(own / "pipe")
    (tmp_path / "files" / "other").symlink_to(own)
    async with files(publisher, registered, tmp_path) as client:
        for name in ("link", "dangling", "folder", "pipe"):
            for method in ("GET", "PUT", "DELETE"):
                assert (await client.request(method, f"/files/{name}", content=b"x")).status_code == 409
        assert (await client.get("/files")).json()["files"] == []
        for method in ("GET", "PUT", "DELETE"):
            answer = await client.request(method, "/files/a", headers=KEYS["other"], content=b"x")
            assert answer.status_code == 409
    assert secret.read_text() == "secret"
    assert not (tmp_path / "made").exists()
    assert kept(tmp_path) == ["acme/dangling", "acme/link", "acme/pipe"]
    with pytest.raises(NotAFile):
        Folders(tmp_path / "files").of("../files")


async def test_files_stay_within_the_quota_whoever_writes_at_the_same_time(
    log: Any, registered: Codec, publisher: KafkaPublisher, tmp_path: Path
) -> None:
    async with files(publisher, registered, tmp_path, followed=at_quota(Quota(bytes_stored=100))) as client:
        names = ("a", "b", "c", "d", "e")
        found = await asyncio.gather(*(client.put(f"/files/{name}", content=b"x" * 40) for name in names))
        assert sorted(answer.status_code for answer in found) == [201, 201, 403, 403, 403]
        refused = next(answer for answer in found if answer.status_code == 403)
        assert refused.json()["quota"] == {"name": "bytes_stored", "amount": 100}
        name = kept(tmp_path)[0].removeprefix("acme/")
        assert (await client.put(f"/files/{name}", content=b"x" * 60)).status_code == 200
        assert (await client.put(f"/files/{name}", content=b"x" * 61)).status_code == 403
    assert sum((tmp_path / "files" / each).stat().st_size for each in kept(tmp_path)) == 100


async def test_a_file_that_is_too_large_or_does_not_come_to_its_end_leaves_nothing(
    log: Any, registered: Codec, publisher: KafkaPublisher, tmp_path: Path
) -> None:
    async def endless() -> Any:
        for _ in range(BODY_BYTES_MAX // 2**20 + 1):
            yield bytes(2**20)

    async def broken() -> Any:
        yield b"x"
        raise ClientDisconnect

    async with files(publisher, registered, tmp_path) as client:
        assert (await client.put("/files/a", content=b"before")).status_code == 201
        assert (await client.put("/files/a", content=endless())).status_code == 413
        assert (await client.put("/files/a", content=broken())).status_code == 408
        assert (await client.get("/files/a")).content == b"before"
    assert kept(tmp_path) == ["acme/a"]


async def test_a_file_that_is_not_on_the_log_is_not_there(registered: Codec, tmp_path: Path) -> None:
    class Away:
        async def publish(self, records: Any) -> None:
            raise Unavailable("not now")

    async with files(Away(), registered, tmp_path) as client:
        assert (await client.put("/files/a", content=b"x")).status_code == 503
    assert kept(tmp_path) == []


@pytest.mark.parametrize(("number", "status"), [(errno.ENOSPC, 507), (errno.EIO, 503)])
async def test_a_disk_that_refuses_is_told_and_leaves_nothing(
    log: Any,
    registered: Codec,
    publisher: KafkaPublisher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    status: int,
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Part, "finish", refuse)
    async with files(publisher, registered, tmp_path) as client:
        assert (await client.put("/files/a", content=b"x")).status_code == status
    assert kept(tmp_path) == []


async def test_what_the_log_says_and_the_disk_did_not_do_is_an_event_of_its_own(
    log: Any, registered: Codec, publisher: KafkaPublisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(Part, "keep", refuse)
    async with files(publisher, registered, tmp_path) as client:
        assert (await client.put("/files/a", content=b"x")).status_code == 500
    assert [(call.status, call.outcome) for call in calls(log, registered)] == [
        (201, CallOutcome.ACCEPTED),
        (500, CallOutcome.FAILED),
    ]
    assert kept(tmp_path) == []


async def test_parts_of_a_gateway_that_died_are_removed(
    log: Any, registered: Codec, publisher: KafkaPublisher, tmp_path: Path
) -> None:
    async with files(publisher, registered, tmp_path) as client:
        assert (await client.put("/files/a", content=b"x")).status_code == 201
        own = tmp_path / "files" / "acme"
        for name, age_s in ((".part-old", ABANDONED_S + 10), (".part-new", 0)):
            (own / name).write_text("half")
            os.utime(own / name, (time.time() - age_s,) * 2)
        assert (await client.put("/files/b", content=b"x")).status_code == 201
    assert kept(tmp_path) == ["acme/.part-new", "acme/a", "acme/b"]


async def test_a_list_is_read_page_by_page_and_a_bad_cursor_is_refused(
    log: Any, registered: Codec, publisher: KafkaPublisher, tmp_path: Path
) -> None:
    (tmp_path / "files" / "acme").mkdir(parents=True)
    for name in "cabed":
        (tmp_path / "files" / "acme" / name).touch()
    async with files(publisher, registered, tmp_path) as client:
        found, cursor = "", ""
        while True:
            answer = (await client.get(f"/files?limit=2{cursor}")).json()
            found += "".join(each["name"] for each in answer["files"])
            if answer["next"] is None:
                break
            cursor = f"&cursor={answer['next']}"
        assert found == "abcde"
        for bad in ("limit=0", "limit=1001", "limit=x", "limit=%D9%A3", "cursor=%2e%2e", "cursor=Li4", "cursor=YQ=="):
            assert (await client.get(f"/files?{bad}")).status_code == 400


@given(st.sets(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._ -]{0,6}[a-z])?", fullmatch=True)), st.integers(1, 4))
def test_pages_together_are_all_files_once(names: set[str], limit: int) -> None:
    every = [Listed(name, 1, NOW) for name in names]
    found: list[str] = []
    cursor = None
    while True:
        files, cursor = page(every, str(limit), cursor)
        found += [each.name for each in files]
        if cursor is None:
            break
        assert len(files) == limit
    assert found == sorted(names)


@given(st.text(max_size=250) | st.text("./\\\0a \n~", max_size=8))
def test_what_is_a_name_is_one_and_the_same_wherever_it_is_read(text: str) -> None:
    try:
        name = named(text)
    except BadFileName:
        with pytest.raises(BadPage):
            page([], None, text + "=")
        return
    assert name == text == Path("/x", name).name == os.path.normpath(name)
    assert name.isascii()
    assert name.isprintable()
    assert not name.startswith(".")
