"""The proof that nothing is lost or counted twice, as far as it goes in minutes; `make chaos` has the rest.

Rows that kill a broker, and those that need time more than processors, run meanwhile on servers of their own.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from tests.chaos import audit, combined
from tests.chaos.arena import Arena
from tests.chaos.report import Outcome, line
from tests.chaos.rows import CONTROLS, GATE, ROWS
from tests.chaos.stand import Stand

SEED = Random().randrange(10**6)
SHARED = combined.Shared()
BY_NAME = {row.name: row for row in [*ROWS, *CONTROLS]}
MEANWHILE = {
    "test_a_constant_load_takes_no_more_memory_and_files": "R21",
    "test_a_broker_that_is_killed_or_slow_costs_nothing": "R2",
    "test_what_cannot_be_written_is_never_passed_by_a_commit": "R4",
    "test_every_call_that_was_answered_is_one_event_whatever_becomes_of_the_gateways": "R16",
    "test_nothing_is_answered_as_done_that_is_not_on_the_log_and_callers_are_told_soon": "R17",
    "test_damaged_requests_break_nothing_and_each_that_is_answered_is_an_event": "R19",
    "test_of_calls_for_twice_a_budget_none_is_paid_beyond_it_whatever_is_killed": "R20",
    "test_a_naive_agent_that_is_killed_loses_or_doubles_and_counts_wrongly": "R1 naive",
}
"""Rows that run beside the others, by their tests."""

Run = Callable[[Stand, Outcome, combined.Shared], None]


@pytest.fixture(scope="module")
def stand(servers: Any, tmp_path_factory: pytest.TempPathFactory, meanwhile: object) -> Iterator[Stand]:
    """What rows run on when the broker is not the fault."""
    folder = tmp_path_factory.mktemp("chaos")
    with Stand(SEED, Arena(servers.bootstrap, servers.registry, folder), timed=False) as found:
        yield found


@pytest.fixture(scope="module")
def meanwhile(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Outcome]]]:
    """The outcomes, some time, of the rows that run on servers of their own; those that are asked for only."""
    names = [MEANWHILE[item.name] for item in request.session.items if item.name in MEANWHILE]
    with Stand(SEED, timed=False) as own, ThreadPoolExecutor(1) as pool:
        found = {name: pool.submit(BY_NAME[name].measured, own, GATE) for name in names}
        yield found
        for each in found.values():
            each.cancel()


def test_killed_workers_lose_and_double_nothing(stand: Stand) -> None:
    _holds(BY_NAME["R1"].measured(stand, GATE))


def test_state_is_exact_after_kills_on_disk_and_from_the_changelog(stand: Stand) -> None:
    _holds(BY_NAME["R9"].measured(stand, GATE))


def test_no_record_of_a_key_passes_another(stand: Stand) -> None:
    _holds(BY_NAME["R11"].measured(stand, GATE))


def test_an_absent_clickhouse_zombies_and_stopped_workers_cost_nothing(stand: Stand) -> None:
    _together(stand, "R3 R12 R14", combined.disturbed)


def test_what_cannot_be_read_and_what_kills_its_reader_become_dead_letters(stand: Stand) -> None:
    _together(stand, "R5 R8", combined.poisonous)


def test_state_follows_from_the_topics_alone_and_is_there_again_without_a_disk(stand: Stand) -> None:
    _together(stand, "R10 R22", combined.rebuilt)


def test_a_frame_made_to_cost_is_refused_at_the_price_of_an_honest_one(stand: Stand) -> None:
    _holds(BY_NAME["R6"].measured(stand, GATE))


def test_one_wrong_bit_anywhere_is_found(stand: Stand) -> None:
    _holds(BY_NAME["R7"].measured(stand, GATE))


def test_an_agent_without_a_digest_believes_wrong_bits(stand: Stand) -> None:
    _holds(BY_NAME["R7 naive"].measured(stand, GATE))


def test_releases_whose_schemas_differ_read_each_other(stand: Stand) -> None:
    _holds(BY_NAME["R23"].measured(stand, GATE))


def test_the_flow_says_the_same_whatever_is_repeated_crossed_or_cut_short(stand: Stand) -> None:
    _holds(BY_NAME["R24"].measured(stand, GATE))


def test_the_rate_of_a_worker_is_told(stand: Stand) -> None:
    _holds(BY_NAME["R25"].measured(stand, GATE))


def test_a_constant_load_takes_no_more_memory_and_files(meanwhile: Any) -> None:
    _holds(meanwhile["R21"].result())


def test_a_broker_that_is_killed_or_slow_costs_nothing(meanwhile: Any) -> None:
    _holds(meanwhile["R2"].result())


def test_what_cannot_be_written_is_never_passed_by_a_commit(meanwhile: Any) -> None:
    _holds(meanwhile["R4"].result())


def test_every_call_that_was_answered_is_one_event_whatever_becomes_of_the_gateways(meanwhile: Any) -> None:
    _holds(meanwhile["R16"].result())


def test_nothing_is_answered_as_done_that_is_not_on_the_log_and_callers_are_told_soon(meanwhile: Any) -> None:
    _holds(meanwhile["R17"].result())


def test_damaged_requests_break_nothing_and_each_that_is_answered_is_an_event(meanwhile: Any) -> None:
    _holds(meanwhile["R19"].result())


def test_of_calls_for_twice_a_budget_none_is_paid_beyond_it_whatever_is_killed(meanwhile: Any) -> None:
    _holds(meanwhile["R20"].result())


def test_the_judge_of_the_audit_sees_what_is_missing_extra_or_different() -> None:
    seen = audit.Seen({"a": 202, "b": 401, "c": 503}, unanswered=Counter({"GET /x": 1}))
    whole = [("a", 202, "POST /x"), ("b", 401, "GET /x"), ("d", 200, "GET /x")]
    assert not any(audit.judge(seen, whole).values())
    assert audit.judge(seen, whole[1:])["missing"] == 1
    assert audit.judge(seen, [*whole, whole[0]])["extra"] == 1
    assert audit.judge(seen, [*whole, ("e", 200, "GET /x")])["extra"] == 1
    assert audit.judge(seen, [*whole[1:], ("a", 200, "POST /x")])["other status"] == 1


def test_a_naive_agent_that_is_killed_loses_or_doubles_and_counts_wrongly(meanwhile: Any) -> None:
    outcome = meanwhile["R1 naive"].result()
    _holds(outcome)
    assert not outcome.state_equal, line(outcome)


def test_while_there_is_work_and_a_broker_somebody_gets_on_with_it(stand: Stand) -> None:
    _holds(BY_NAME["R13"].measured(stand, GATE))


def _together(stand: Stand, names: str, run: Run) -> None:
    outcome = Outcome(names, run.__doc__ or "", stand.seed, timed=stand.timed)
    run(stand, outcome, SHARED)
    _holds(outcome)


def _holds(outcome: Outcome) -> None:
    print(line(outcome))
    assert outcome.passed, line(outcome)
