"""A run decided again: the same on the log as it was, and what was altered is named with both values."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from log_browser import ListBrowser
from quiet_gateway import Quiet
from read_model_records import CODEC, fill, run_of

from domain.read_models import RUN_TOPICS
from schemas.events import ComplianceDecision, Definition, Outcome, WorkflowRun
from schemas.record import Record, said_by
from sinks.read_models.reader import Reader
from sinks.read_models.store import reading
from tests.domain.simulation import case

LOG = case(6).flow(6).records(CODEC)
"""As the stages wrote it: of one tenant, with the definitions that it was decided by."""
RUNS = sorted({each.run_id for each in map(CODEC.decode, LOG) if isinstance(each, WorkflowRun)})


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """What the read models have of it."""
    yield from filled(tmp_path_factory.mktemp("log"), LOG)


def filled(folder: Path, lies: list[Record]) -> Iterator[Reader]:
    fill(folder, lies)
    reader = Reader(reading(folder, None))
    yield reader
    reader.close()


def deciding(models: Reader, lies: list[Record], **more: Any) -> Quiet:
    """Returns a gateway that knows the definitions of the log, and when they came."""
    gateway = Quiet(models, ListBrowser(lies), **more)
    for record in lies:
        event = CODEC.decode(record)
        if isinstance(event, Definition):
            gateway.definitions.add(event, record.timestamp_ms)
    return gateway


async def replayed(gateway: Quiet, run_id: str) -> tuple[int, Any]:
    answer = await gateway.client.post(f"/workflows/{run_id}/replay")
    return answer.status_code, answer.json()


async def test_every_run_is_decided_again_as_it_was(models: Reader) -> None:
    gateway = deciding(models, LOG)
    decided = 0
    for run_id in RUNS:
        status, found = await replayed(gateway, run_id)
        assert (status, found["different"], found["pending"]) == (200, [], 0)
        assert found["same"] == found["decisions"] == len(decisions(run_id))
        decided += found["decisions"]
    assert decided > 20
    assert {type(each).__name__ for each in gateway.publisher.said} == {"Request"}  # the calls: it performs nothing


def decisions(run_id: str) -> set[str]:
    """Returns the ids of what was decided in a run, once it had begun."""
    ours = [each for each in LOG if each.topic in RUN_TOPICS[1:] and each.key == run_id.encode()]
    return {CODEC.decode(each).event_id for each in ours if not said_by(each, b"auterity/relaycore")}


async def test_what_was_altered_is_named_with_both_values(tmp_path: Path) -> None:
    decision = next(each for each in map(CODEC.decode, LOG) if isinstance(each, ComplianceDecision))
    lies = [_altered(each, decision) for each in LOG]
    for reader in filled(tmp_path, lies):
        _, found = await replayed(deciding(reader, lies), decision.run_id)

    altered = next(each for each in found["different"] if each["topic"] == "compliance-decisions")
    assert altered["field"] == "outcome"
    assert (repr(Outcome.ESCALATED), repr(decision.outcome)) == (altered["recorded"], altered["decided"])
    assert found["differences"] == len(found["different"]) and found["same"] < found["decisions"]


def _altered(record: Record, decision: ComplianceDecision) -> Record:
    if CODEC.decode(record) != decision:
        return record
    made = CODEC.encode(msgspec.structs.replace(decision, outcome=Outcome.ESCALATED), "auterity/compliance")
    return msgspec.structs.replace(record, value=made.value, headers=made.headers)


async def test_one_run_of_a_tenant_is_decided_again_at_a_time_and_none_of_another(models: Reader) -> None:
    gateway, (run_id, *_) = deciding(models, LOG), RUNS
    found = await asyncio.gather(*(replayed(gateway, run_id) for _ in range(3)))
    assert sorted(status for status, _ in found) == [200, 429, 429]
    assert (await replayed(gateway, run_id))[0] == 200
    assert (await replayed(gateway, run_of("other")))[0] == 404
    theirs = deciding(models, LOG, tenant="other")
    assert (await replayed(theirs, run_id))[0] == 404
