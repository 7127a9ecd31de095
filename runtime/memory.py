"""What allocators may hold on to, and how often Python looks for garbage."""

import asyncio
import ctypes
import gc

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""See mallopt(3)."""
ARENAS = 2
MAPPED_BYTES = 32 * 1024 * 1024
"""From here on a stretch of memory is asked of the system by itself, and given back at once: new pages are dear."""
TRIM_S = 10.0
GARBAGE_AFTER = 50_000
"""Objects made and not freed since, after which Python looks for circles among them; its own figure is 700."""


def bound() -> None:
    """Keeps glibc from giving each thread an arena of its own, of which none gives back what it took.

    RocksDB, librdkafka and thread pools allocate on many threads: with eight arenas for each core a worker grows for
    hours. What a fetch takes is kept for the next one. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
        mallopt(M_TRIM_THRESHOLD, 2 * MAPPED_BYTES)


def settled() -> None:
    """Takes what is there now as there to stay, and has garbage looked for less often: batches are freed without it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER)


async def trimmed() -> None:
    """Gives back for ever what is free between things that are not, with glibc: else a worker grows by what lies there.

    It takes some milliseconds each time, on another thread.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await asyncio.sleep(TRIM_S)
        await asyncio.to_thread(trim, 0)
