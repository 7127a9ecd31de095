"""/files: a tenant's files, put, read, listed and deleted; each is on the log before it is done."""

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from io import BufferedReader
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from domain.doors import Call, Fact
from domain.files import BadFileName, BadPage, named, page
from domain.identity import Permission, Principal
from domain.quotas import Quota, effective
from gateway.answers import Done, Refusal
from gateway.bodies import BODY_BYTES_MAX, BODY_S, BodyTooLarge, Interrupted, Share
from gateway.door import Door
from gateway.folders import COPY_BYTES, Folder, Folders, NoFile, NotAFile, Part
from gateway.problems import declared
from gateway.usage import QuotaMet
from schemas.errors import Unavailable

FILES_MAX = 10_000
"""Of one tenant."""
LOCK_S, LOCK_POLL_S = 5.0, 0.01
"""Time that others may take with the same tenant's folder; how often we look."""
FULL = (errno.ENOSPC, errno.EDQUOT)
PROBLEMS = {
    400: "No file can be called so, or there is no such page.",
    401: "Nobody is known by these credentials.",
    403: "The caller may not do this, or the quota bytes_stored is met.",
    404: "There is no such file.",
    408: "The body did not come to its end.",
    409: "What lies there is no file.",
    413: "The file is too large.",
    429: "A limit or a quota is met; the problem names it.",
    503: "The log does not take it now, or the folder cannot be used now.",
    507: "The disk is full.",
}
BYTES: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
PAGES = [
    {"name": name, "in": "query", "required": False, "schema": {"type": kind}, "description": text}
    for name, kind, text in (
        ("limit", "integer", "How many, 1 to 1000; 100 when it is not said."),
        ("cursor", "string", "The `next` of the page before."),
    )
]
T = TypeVar("T")


def routes(door: Door, folders: Folders) -> APIRouter:
    """Returns the routes of files."""
    router = APIRouter(prefix="/files", tags=["files"])

    def route(
        method: str, path: str, permission: Permission, work: Callable[..., Awaitable[Done]], **said: Any
    ) -> None:
        async def endpoint(request: Request) -> Response:
            async def entry(call: Call, principal: Principal, share: Share) -> Done:
                folder = partial(_folder, folders, principal.tenant_id, share)
                return await work(door, request, call, principal, share, folder)

            return await door.call(request, permission, entry)

        names = [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}] if path else PAGES
        extra = {"parameters": names} | said.pop("extra", {})
        done = {200: {"description": "Done.", "content": said.pop("content", {"application/json": {}})}}
        responses = {**done, **said.pop("responses", {}), **declared(PROBLEMS)}
        router.add_api_route(
            path,
            endpoint,
            methods=[method],
            response_class=Response,
            responses=responses,
            openapi_extra=extra,
            name=work.__name__.strip("_"),
            description=work.__doc__,
            **said,
        )

    body = {"requestBody": {"required": True, "content": BYTES}}
    made = {201: {"description": "There was none of this name.", "content": {"application/json": {}}}}
    route("GET", "", Permission.READ_FILES, _list_files, summary="List files")
    route("PUT", "/{name:path}", Permission.WRITE_FILES, _put_file, summary="Store a file", extra=body, responses=made)
    route("GET", "/{name:path}", Permission.READ_FILES, _get_file, summary="Read a file", content=BYTES)
    route("DELETE", "/{name:path}", Permission.DELETE_FILES, _delete_file, summary="Delete a file")
    return router


async def _list_files(
    _: Door, request: Request, __: Call, ___: Principal, ____: Share, folder: Callable[[], Awaitable[Folder]]
) -> Done:
    """Returns the files by name, a page at a time."""
    listed = await _done((await folder()).files)
    said = request.query_params
    try:
        found, following = page(listed, said.get("limit"), said.get("cursor"))
    except BadPage as error:
        raise Refusal(400, str(error)) from error
    return Done({"files": [msgspec.to_builtins(each) for each in found], "next": following}, status=200)


async def _put_file(
    door: Door,
    request: Request,
    call: Call,
    principal: Principal,
    share: Share,
    folder: Callable[[], Awaitable[Folder]],
) -> Done:
    """Stores the body under the name, whole or not at all; what had the name before is replaced."""
    name = _name(request)
    own = await folder()
    part = await _done(own.part, call.id)
    share.closing.callback(part.close)
    await _read(request, share, part)
    digest = await _done(part.finish)
    await _locked(own, share)
    before = await _done(own.size, name)
    await _done(_check_room, own, part.bytes, before, door.quota(principal.tenant_id))
    said = {"name": name, "bytes": part.bytes, "sha256": digest}
    fact = Fact("FileStored", name, {"bytes": str(part.bytes), "sha256": digest})
    headers = {"ETag": f'"{digest}"'}
    status = 201 if before is None else 200
    return Done(said, status=status, fact=fact, headers=headers, finish=partial(_done, part.keep, name))


async def _get_file(
    _: Door, request: Request, __: Call, ___: Principal, share: Share, folder: Callable[[], Awaitable[Folder]]
) -> Done:
    """Returns the file; its ETag is its SHA-256."""
    name = _name(request)
    file, digest, size = await _done((await folder()).open, name)
    opened = _Opened(file)
    share.closing.callback(opened.close)
    headers = {
        "Content-Length": str(size),
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Security-Policy": "sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "ETag": f'"{digest}"',
    }
    answer = StreamingResponse(_chunks(file), 200, headers, "application/octet-stream")
    return Done({}, status=200, fact=Fact("FileRead", name, {"sha256": digest}), answer=answer, finish=opened.answered)


async def _delete_file(
    _: Door, request: Request, __: Call, ___: Principal, share: Share, folder: Callable[[], Awaitable[Folder]]
) -> Done:
    """Takes a file away; the log keeps that it was there, and its SHA-256."""
    name = _name(request)
    own = await folder()
    await _locked(own, share)
    file, digest, size = await _done(own.open, name)
    file.close()
    fact = Fact("FileDeleted", name, {"bytes": str(size), "sha256": digest})
    return Done({"name": name}, status=200, fact=fact, finish=partial(_done, own.remove, name))


class _Opened:
    """Closes a file that no answer will read to its end."""

    def __init__(self, file: BufferedReader) -> None:
        self._file: BufferedReader | None = file

    async def answered(self) -> None:
        """Says that the answer closes it."""
        self._file = None

    def close(self) -> None:
        """Closes it unless it is answered."""
        if self._file is not None:
            self._file.close()


def _name(request: Request) -> str:
    try:
        return named(request.scope["path"].partition("/files/")[2])  # a route's pattern forgets a newline at the end
    except BadFileName as error:
        raise Refusal(400, str(error)) from error


async def _folder(folders: Folders, tenant_id: str, share: Share) -> Folder:
    folder = await _done(folders.of, tenant_id)
    share.closing.callback(folder.close)
    return folder


async def _locked(folder: Folder, share: Share) -> None:
    """Returns when the folder is this call's alone, until it is answered; raises Unavailable after LOCK_S."""
    until = time.monotonic() + LOCK_S
    while True:
        try:
            share.closing.callback(os.close, folder.lock())
        except BlockingIOError:
            if time.monotonic() > until:
                raise Unavailable("the tenant's files are in use") from None
            await asyncio.sleep(LOCK_POLL_S)
        else:
            return


async def _done(work: Callable[..., T], *given: Any) -> T:
    """Returns what work on the disk returns, on a thread; raises Refusal and Unavailable for what the disk refuses."""
    try:
        return await asyncio.to_thread(work, *given)
    except NoFile as error:
        raise Refusal(404, str(error)) from error
    except NotAFile as error:
        raise Refusal(409, str(error)) from error
    except OSError as error:
        if error.errno in FULL:
            raise Refusal(507, "the disk is full") from error
        raise Unavailable(f"files: {error.strerror}") from error


async def _read(request: Request, share: Share, part: Part) -> None:
    """Writes the body to the part; raises BodyTooLarge, Interrupted, Full."""
    try:
        async with asyncio.timeout(BODY_S):
            async for content in request.stream():
                if part.bytes + len(content) > BODY_BYTES_MAX:
                    raise BodyTooLarge(f"a file of more than {BODY_BYTES_MAX} bytes")
                share.take(len(content))
                await _done(part.write, content)
    except TimeoutError as error:
        raise Interrupted(f"the body did not come within {BODY_S:.0f} s") from error
    except ClientDisconnect as error:
        raise Interrupted("the caller left in the middle of the body") from error


def _check_room(folder: Folder, size: int, before: int | None, quota: Quota) -> None:
    files, amount = folder.files(), effective(quota).bytes_stored
    if before is None and len(files) >= FILES_MAX:
        raise Refusal(403, f"more than {FILES_MAX} files")
    if amount is not None and sum(each.bytes for each in files) - (before or 0) + size > amount:
        raise QuotaMet("bytes_stored", amount, f"more than {amount} bytes of files", status=403)


async def _chunks(file: BufferedReader) -> AsyncIterator[bytes]:
    with file:
        while content := await asyncio.to_thread(file.read, COPY_BYTES):
            yield content
