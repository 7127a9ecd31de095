"""Conceals personal data in a process of its own, so that a hostile text can neither hold up nor end the worker."""

import asyncio
import contextlib
import logging
import math
import os
import struct
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from connectors.detector_messages import READY, Answered, Batch, Op, Request, wrong
from domain.concealment import CHARACTERS_MAX, Concealed, Scrubbed
from domain.person_names import NAMES_MAX
from domain.privacy import KINDS
from schemas.errors import Rejected, TooLarge, Unavailable

log = logging.getLogger(__name__)

ANSWER_S = 5.0
"""For one request, once the process is at it; it is ended then."""
START_S = 20.0
"""For the process to come up; it takes 0.1 s on an idle machine."""
WAIT_S = 30.0
"""For one request altogether, those before it and a new start included."""
WAITING_MAX = 10_000
BATCH_CHARACTERS_MAX = 256 * 1024
BATCH_REQUESTS_MAX = 256
ANSWER_BYTES_MAX = 64 * 1024 * 1024
BACK_OFF_S = (0.05, 5.0)
"""Before the process is started again: the first pause, doubled with each failure in a row up to the second."""
READ_BYTES = 256 * 1024
LISTS_MAX = 64
"""Lists of names that the child keeps."""
_DECODER = msgspec.msgpack.Decoder(Answered)
_COMMAND = (sys.executable, "-m", "connectors.detector_child")


class DetectorUnavailable(Unavailable):
    """Nothing leaves while the detector does not answer."""


class NotConcealable(Rejected):
    """The detector refuses the texts as they are."""


class _Call:
    """A request that waits, and who waits for it."""

    def __init__(self, request: Request, names: tuple[str, ...]) -> None:
        self.request = request
        self.names = names
        self.size = sum(map(len, request.texts)) + 200
        self.future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()


class Detector:
    """Looks for personal data in a child process, started at the first request and kept.

    What waits goes out as one message; answers come one by one. When the child dies, hangs for `answer_s` or answers
    what is no answer, the request it was at raises DetectorUnavailable, the child is ended and started again after a
    pause, and the others are asked again. There is no way around the child: no answer, no text.
    """

    def __init__(self, command: Sequence[str] = _COMMAND, answer_s: float = ANSWER_S, wait_s: float = WAIT_S) -> None:
        self._command = command
        self._answer_s = answer_s
        self._wait_s = wait_s
        self._waiting: deque[_Call] = deque()
        self._child: Process | None = None
        self._loop: asyncio.Task[None] | None = None
        self._lists: dict[tuple[str, ...], int] = {}
        self._failures = 0
        self._number = 0

    @property
    def pid(self) -> int | None:
        """Returns the child's process id, None while there is none."""
        return self._child.pid if self._child is not None and self._child.returncode is None else None

    async def conceal(
        self,
        texts: Sequence[str],
        names: Sequence[str] = (),
        kinds: Collection[str] = KINDS,
        *,
        structured: Collection[int] = (),
        values: Mapping[str, str] | None = None,
    ) -> Concealed:
        """See domain.concealment.Concealer; raises DetectorUnavailable, for the texts NotConcealable or TooLarge."""
        known = dict(values or {})
        request = self._request(Op.CONCEAL, texts, names, kinds, list(structured), known)
        concealed = (await self._answer(request, tuple(names))).concealed
        assert concealed is not None
        return concealed

    async def scrub(
        self,
        texts: Sequence[str],
        names: Sequence[str] = (),
        kinds: Collection[str] = KINDS,
        *,
        structured: Collection[int] = (),
    ) -> Scrubbed:
        """See domain.concealment.Concealer: raises as `conceal`."""
        request = self._request(Op.SCRUB, texts, names, kinds, list(structured), {})
        scrubbed = (await self._answer(request, tuple(names))).scrubbed
        assert scrubbed is not None
        return scrubbed

    async def close(self) -> None:
        """Ends the child; who still waits gets DetectorUnavailable."""
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop
        self._loop = None
        await self._end()
        while self._waiting:
            _fail(self._waiting.popleft(), "the detector is closed")

    def _request(
        self,
        op: Op,
        texts: Sequence[str],
        names: Sequence[str],
        kinds: Collection[str],
        structured: list[int],
        values: dict[str, str],
    ) -> Request:
        if (size := sum(map(len, texts))) > CHARACTERS_MAX:
            raise TooLarge(f"{size} characters in one call, more than {CHARACTERS_MAX}")
        if len(names) > NAMES_MAX:
            raise TooLarge(f"{len(names)} names of one tenant, more than {NAMES_MAX}")
        if unknown := sorted(set(kinds) - set(KINDS)):
            raise NotConcealable(f"no kind of personal data is called {unknown[0]}")
        try:
            for text in (*texts, *values.values(), *(names if tuple(names) not in self._lists else ())):
                text.encode()
        except UnicodeEncodeError as error:
            raise NotConcealable(f"a text that is no Unicode: {error.reason}") from None
        self._number += 1
        return Request(self._number, op, list(texts), 0, list(kinds), structured, values)

    async def _answer(self, request: Request, names: tuple[str, ...]) -> Answered:
        if len(self._waiting) >= WAITING_MAX:
            raise DetectorUnavailable(f"{WAITING_MAX} texts wait for the detector already")
        call = _Call(request, names)
        self._waiting.append(call)
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._serve())
        try:
            async with asyncio.timeout(self._wait_s):
                answered = await call.future
        except TimeoutError:
            raise DetectorUnavailable(f"the detector has not answered within {self._wait_s:g} s") from None
        if answered.refused is not None:
            raise NotConcealable(answered.refused)
        return answered

    async def _serve(self) -> None:
        """Asks the child as long as anybody waits, a batch at a time."""
        while self._waiting:
            batch: deque[_Call] = deque()
            size = 0
            while self._waiting and len(batch) < BATCH_REQUESTS_MAX and (not batch or size < BATCH_CHARACTERS_MAX):
                call = self._waiting.popleft()
                if not call.future.done():  # else nobody waits any more
                    batch.append(call)
                    size += call.size
            if not batch:
                return
            try:
                await self._ask(batch)
                self._failures = 0
            except (OSError, EOFError, TimeoutError, ValueError, msgspec.DecodeError) as error:
                self._failures += 1
                reason = "it takes too long" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
                log.warning("detector ended", extra={"reason": reason, "failures": self._failures})
                if batch:
                    _fail(batch.popleft(), f"nothing leaves while the detector does not answer: {reason}")
                self._waiting.extendleft(reversed(batch))
                await self._end()
            except asyncio.CancelledError:
                self._waiting.extendleft(reversed(batch))
                raise

    async def _ask(self, batch: deque[_Call]) -> None:
        """Sends the batch and takes an answer for each; what is answered leaves the batch."""
        child = await self._started()
        assert child.stdin is not None
        assert child.stdout is not None
        body = msgspec.msgpack.encode(self._batch(batch))
        child.stdin.write(struct.pack(">I", len(body)) + body)
        now = asyncio.get_running_loop().time
        got = bytearray()
        async with asyncio.timeout(self._answer_s) as limit:
            while batch:
                if not (more := await child.stdout.read(READ_BYTES)):
                    raise EOFError("its process has ended")
                got += more
                if self._take(got, batch):
                    limit.reschedule(now() + self._answer_s)
        if got:
            raise ValueError("more answers than requests")

    def _take(self, got: bytearray, batch: deque[_Call]) -> bool:
        """Gives every whole answer to who waits for it; returns whether there was one."""
        at = 0
        while batch and len(got) >= at + 4:
            size = int.from_bytes(got[at : at + 4])
            if size > ANSWER_BYTES_MAX:
                raise ValueError(f"an answer of {size} bytes")
            if len(got) < at + 4 + size:
                break
            answered = _DECODER.decode(memoryview(got)[at + 4 : at + 4 + size])
            call = batch[0]
            if said := wrong(call.request, answered):
                raise ValueError(said)
            at += 4 + size
            batch.popleft()
            if not call.future.done():
                call.future.set_result(answered)
        del got[:at]
        return at > 0

    def _batch(self, calls: Collection[_Call]) -> Batch:
        """Returns the message; a list of names goes out once, until the child is a new one or too many are kept."""
        forget = len(self._lists) + len({call.names for call in calls} - self._lists.keys()) > LISTS_MAX
        if forget:
            self._lists.clear()
        new: dict[int, list[str]] = {}
        requests = []
        for call in calls:
            if (number := self._lists.get(call.names)) is None:
                number = self._lists[call.names] = len(self._lists)
                new[number] = list(call.names)
            requests.append(msgspec.structs.replace(call.request, names=number))
        return Batch(requests, new, forget, math.ceil(self._answer_s) + 1)

    async def _started(self) -> Process:
        if self._child is not None and self._child.returncode is None:
            return self._child
        await self._end()
        if self._failures:
            await asyncio.sleep(min(BACK_OFF_S[0] * 2 ** (self._failures - 1), BACK_OFF_S[1]))
        root = str(Path(__file__).resolve().parent.parent)
        environment = {"PYTHONPATH": os.pathsep.join([root, *filter(None, sys.path)]), "PYTHONDONTWRITEBYTECODE": "1"}
        # nothing of the worker's environment: what looks into hostile texts holds no keys
        child = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE, env=environment)
        self._child = child
        assert child.stdout is not None
        async with asyncio.timeout(START_S):
            if await child.stdout.readexactly(len(READY)) != READY:
                raise ValueError("its process is no detector")
        return child

    async def _end(self) -> None:
        self._lists.clear()
        if (child := self._child) is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.communicate()  # what it said last is read away: else its pipes stay open
        self._child = None


def _fail(call: _Call, reason: str) -> None:
    if not call.future.done():
        call.future.set_exception(DetectorUnavailable(reason))
