"""`python -m benchmarks.model_calls`: a thousand model calls at once, by the bare LiteLLM SDK and by ours beside it.

Both in turn, in one process on the measured core, against a server in another process on the other cores that speaks
OpenAI's API and answers after 50 ms (`tests/models/server.py`), all on this machine.
"""

import argparse
import asyncio
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Sequence
from statistics import fmean, median, quantiles

import uvloop
from msgspec import Struct

from benchmarks.cores import cores, pinned
from benchmarks.table import machine
from connectors.models.hosted import Models
from connectors.models.sdk import litellm
from domain.ports import Question
from schemas.events import Message
from tests.models.running import ModelServer, model_server

CALLS, ROUNDS = 1000, 5
TIMEOUT_S = 60.0
SETTLE_S = 0.5
"""After a round: LiteLLM goes on with its own records, which counts for the round that caused it."""
MODEL, MAX_TOKENS, KEY = "openai/gpt-4o-mini", 100, "sk-benchmark"
SYSTEM = "You are an assistant that sorts incidents."
Call = Callable[[int], Awaitable[object]]


class Round(Struct, frozen=True):
    """What a thousand calls at once took."""

    wall_s: float
    cpu_s: float
    latencies_s: Sequence[float]


def main(arguments: Sequence[str]) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--latency-ms", type=int, default=50)
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")  # LiteLLM's own
    here = cores()
    with pinned(here.others), model_server(options.latency_ms) as server, pinned(here.measured):
        found = uvloop.run(_measured(server, options.calls, options.rounds))
        bill = server.bill()
    _print(found, options.calls)
    asked = len(found) * (options.rounds + 1) * options.calls
    print(f"\n{bill['calls']} calls in the provider's books, {asked} made; {machine(here.apart)}")
    if bill["calls"] != asked:
        sys.exit(1)


def callers(server: ModelServer) -> dict[str, Call]:
    """Returns whom to measure: each asks one question, by its number."""
    models = Models(server.endpoint, {"openai": KEY})

    async def bare(number: int) -> object:
        return await litellm().acompletion(
            model=MODEL,
            messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": text(number)}],
            max_tokens=MAX_TOKENS,
            timeout=TIMEOUT_S,
            num_retries=0,
            api_base=server.endpoint,
            api_key=KEY,
        )

    async def ours(number: int) -> object:
        said = [Message(role="system", content=SYSTEM), Message(role="user", content=text(number))]
        return await models.ask(
            Question(
                model=MODEL,
                messages=said,
                max_tokens=MAX_TOKENS,
                idempotency_key=f"call-{number}",
                timeout_s=TIMEOUT_S,
            )
        )

    return {"LiteLLM": bare, "Models.ask": ours}


async def _measured(server: ModelServer, calls: int, rounds: int) -> dict[str, list[Round]]:
    found: dict[str, list[Round]] = {}
    turn = list(callers(server).items())
    for number in range(rounds + 1):
        for name, call in turn if number % 2 else reversed(turn):  # whoever goes first leaves work behind
            measured = await _round(call, calls)
            if number:  # the first one opens connections
                found.setdefault(name, []).append(measured)
    return found


async def _round(call: Call, calls: int) -> Round:
    async def timed(number: int) -> float:
        begun = time.perf_counter()
        await call(number)
        return time.perf_counter() - begun

    begun, cpu = time.perf_counter(), time.process_time()
    latencies = await asyncio.gather(*(timed(number) for number in range(calls)))
    wall_s = time.perf_counter() - begun
    await asyncio.sleep(SETTLE_S)
    return Round(wall_s, time.process_time() - cpu, latencies)


def _print(found: dict[str, list[Round]], calls: int) -> None:
    print(f"| {calls} at once, medians of rounds | average ms | p50 ms | p99 ms | calls/s | CPU us a call | at best |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, rounds in found.items():
        columns = [
            median(fmean(each.latencies_s) for each in rounds) * 1000,
            median(quantiles(each.latencies_s, n=100)[49] for each in rounds) * 1000,
            median(quantiles(each.latencies_s, n=100)[98] for each in rounds) * 1000,
            median(calls / each.wall_s for each in rounds),
            median(each.cpu_s for each in rounds) / calls * 1_000_000,
            min(each.cpu_s for each in rounds) / calls * 1_000_000,
        ]
        print(f"| {name} | " + " | ".join(f"{each:,.0f}" for each in columns) + " |")


def text(number: int) -> str:
    """Returns what is asked, by its number."""
    return f"Incident {number}: the printer on floor 3 does not answer since this morning. What should be done first?"


if __name__ == "__main__":
    main(sys.argv[1:])
