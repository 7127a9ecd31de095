"""The process that looks for personal data: messages on standard input, an answer to each on standard output."""

import os
import resource
import signal
import struct
import sys

import msgspec

from connectors.detector_messages import READY, Answered, Batch, Op, Request
from domain.concealment import conceal, scrub
from schemas.errors import Rejected

MEMORY_BYTES_MAX = 2 * 1024**3


def main() -> None:
    """Answers until standard input ends; a request that takes longer than the limit ends the process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    decoder = msgspec.msgpack.Decoder(Batch)
    encoder = msgspec.msgpack.Encoder()
    lists: dict[int, tuple[str, ...]] = {}
    _write(READY)
    while header := sys.stdin.buffer.read(4):
        batch = decoder.decode(sys.stdin.buffer.read(*struct.unpack(">I", header)))
        if batch.forget:
            lists.clear()
        lists.update({number: tuple(names) for number, names in batch.lists.items()})
        for request in batch.requests:
            signal.alarm(batch.limit_s)  # the default action ends the process, also within a regular expression
            body = encoder.encode(_answered(request, lists))
            signal.alarm(0)
            _write(struct.pack(">I", len(body)) + body)


def _answered(request: Request, lists: dict[int, tuple[str, ...]]) -> Answered:
    names = lists[request.names]
    try:
        if request.op is Op.SCRUB:
            clean = scrub(request.texts, names, request.kinds, structured=request.structured)
            return Answered(request.number, scrubbed=clean)
        concealed = conceal(request.texts, names, request.kinds, structured=request.structured, values=request.values)
    except Rejected as error:
        return Answered(request.number, refused=str(error))
    return Answered(request.number, concealed=concealed)


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    main()
