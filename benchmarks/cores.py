"""One core for what is measured, the others for Kafka and whoever loads it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct


class Cores(Struct, frozen=True):
    """Numbers of cores; with a single one, or on a system without affinity, nothing is kept apart."""

    measured: frozenset[int]
    others: frozenset[int]

    @property
    def apart(self) -> bool:
        """Returns True when what is measured shares its core with nothing of ours."""
        return self.measured != self.others


def cores() -> Cores:
    """Returns the last core that this process may use as the measured one."""
    if not hasattr(os, "sched_getaffinity"):
        return Cores(frozenset(), frozenset())
    usable = sorted(os.sched_getaffinity(0))
    return Cores(frozenset(usable[-1:]), frozenset(usable[:-1] or usable))


@contextmanager
def pinned(wanted: frozenset[int]) -> Iterator[None]:
    """Lets this thread, and every process and thread it starts meanwhile, run on these cores only."""
    if not wanted:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
