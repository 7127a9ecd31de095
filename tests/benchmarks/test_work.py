"""The peers' work is our work: the same bytes follow from the same event."""

import subprocess
import sys
from statistics import mean

import pytest

from benchmarks.deciders import Route, Sum, Total
from benchmarks.load import SOURCE
from benchmarks.peers import work
from benchmarks.rules import definition, known
from benchmarks.sample import SUBJECTS, TYPES, agent_step, business_event
from domain.compliance import Compliance
from domain.definitions import Definitions
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from tests.harness import ROOT

IDS = {topic: number for number, topic in enumerate(TOPICS, 1)}
OURS = ("aiokafka", "confluent_kafka", "faust", "jsonschema", "numba")
"""What the environments of peers do not have, or not as ours is."""
JUDGES = f"""
import sys
sys.modules |= dict.fromkeys({OURS})
from benchmarks.peers.work import judge
judge({IDS})
"""


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec(IDS)


def test_a_business_event_has_230_to_300_bytes(codec: Codec) -> None:
    sizes = [len(codec.encode(business_event(number), SOURCE).value) for number in range(1000)]

    assert 230 <= mean(sizes) <= 300


def test_there_are_ten_thousand_subjects_and_each_type_is_as_frequent() -> None:
    events = [business_event(number) for number in range(2 * SUBJECTS)]

    assert len({event.subject for event in events}) == SUBJECTS
    assert len({event.event_id for event in events}) == len(events)
    assert {event.type for event in events} == set(TYPES)


@pytest.mark.parametrize("number", range(len(TYPES)))
def test_a_python_peer_routes_to_the_very_record_that_our_decider_makes(codec: Codec, number: int) -> None:
    event = business_event(number)
    (decided,) = Route().decide(None, event, Definitions())
    ours = codec.encode(decided, SOURCE)

    decoded = work.decoder("business-events")(codec.encode(event, SOURCE).value)
    topic, key, value = work.router(IDS)(decoded)

    assert (topic, key, value) == (ours.topic, ours.key, ours.value)


@pytest.mark.parametrize("number", range(4))
def test_a_python_peer_decides_the_very_record_that_our_compliance_makes(codec: Codec, number: int) -> None:
    step = agent_step(number, definition().digest)
    (decided,) = Compliance().decide(None, step, known())
    ours = codec.encode(decided, SOURCE)

    decoded = work.decoder("agent-steps")(codec.encode(step, SOURCE).value)
    topic, key, value = work.judge(IDS)(decoded)

    assert (topic, key, value) == (ours.topic, ours.key, ours.value)


def test_a_peer_decides_without_what_only_our_environment_has() -> None:
    done = subprocess.run([sys.executable, "-c", JUDGES], cwd=ROOT, capture_output=True, text=True, check=False)

    assert not done.returncode, done.stderr


def test_a_total_counts_events_and_adds_their_amounts() -> None:
    events = [business_event(number) for number in (7, 7 + SUBJECTS)]
    state = None
    for event in events:
        state = Total().evolve(state, event)

    assert state == Sum(2, sum(int(event.attributes["amount"]) for event in events))
