"""What the C library's allocator may hold on to."""

import ctypes

M_ARENA_MAX = -8
"""See mallopt(3)."""
ARENAS = 2


def bound() -> None:
    """Keeps glibc from giving each thread an arena of its own, of which none gives back what it took.

    RocksDB, librdkafka and thread pools allocate on many threads: with eight arenas for each core a worker grows for
    hours. Other C libraries have no arenas, and are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
