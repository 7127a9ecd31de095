"""The figures of now: one message a second at most, of the own tenant, and only what the reader may see."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import uvloop
from live_calls import quiet_feed
from read_model_records import events, letter_of, records

from domain.identity import Permission, Principal
from domain.live import Channel, view
from domain.pulse import GATED, Busy, Figures, pulse
from domain.read_models import micros
from gateway.feed import Feed
from gateway.pulse import Pulsing
from gateway.viewer import Viewer
from schemas.errors import Unavailable
from schemas.events import RunStatus
from sinks.read_models.reader import Reader

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MONEY, ALL = frozenset({Permission.READ_RUNS, Permission.READ_MONEY}), frozenset(Permission)


async def test_figures_are_what_lies_in_the_read_models_of_the_tenant(models: Reader) -> None:
    last = max(each.timestamp_ms for each in records())
    at = datetime.fromtimestamp(last / 1000, UTC)

    found = await models.figures("acme", last)
    later = await models.figures("acme", last + 86_400_000)
    nobody = await models.figures("nobody", last)

    for topic in ("ai-calls", "agent-steps", "workflow-runs", "compliance-decisions"):
        assert found.events[topic] == len({each.event_id for each in events("acme", topic)})
    decisions = [each.outcome for each in events("acme", "compliance-decisions")]
    assert found.decisions == {each: decisions.count(each) for each in set(decisions)}
    assert found.cost_today_usd_micros == sum(
        each.billed_usd_micros for each in events("acme", "budget-entries") if each.sequence
    )
    assert (found.letters, found.letters_today, later.letters_today) == (1, 1, 0) and letter_of("acme")
    badly = {
        each.run_id for each in events("acme", "workflow-runs") if each.status in (RunStatus.FAILED, RunStatus.REFUSED)
    }
    assert {each.run_id for each in found.troubles} <= badly and len(found.troubles) == min(5, len(badly))
    assert all(micros(each.at) <= micros(at) for each in found.troubles)
    assert nobody == Figures()
    assert (later.events, later.decisions, later.cost_today_usd_micros) == ({}, {}, 0)


def test_who_may_not_read_something_is_not_told_its_figures() -> None:
    figures = Figures(
        events={"ai-calls": 25}, runs_open=3, cost_today_usd_micros=9, decisions={"allowed": 1}, letters=2
    )
    nothing = pulse(figures, None, [Permission.READ_RUNS], NOW)
    assert (nothing.decisions, nothing.cost, nothing.dead_letters, nothing.lag) == (None, None, None, None)
    assert (nothing.events_per_s, nothing.runs_open) == ({"ai-calls": 2.5}, 3)
    whole = pulse(figures, Busy({"steps": 4}, {"ai-calls": 0.5}), GATED, NOW)
    assert whole.cost is not None and whole.cost.today_usd_micros == 9
    assert (whole.decisions, whole.lag) == ({"allowed": 1}, {"steps": 4})


class Looking:
    """A Live with viewers that were never connected."""

    def __init__(self, feed: Feed, viewers: list[Viewer]) -> None:
        self.feed = feed
        self._viewers = viewers

    def pulsed(self) -> list[str]:
        return sorted({each.principal.tenant_id for each in self._viewers if each.pulsed})


class Told:
    """Pulses and Load that say what they are asked, and fail for one tenant."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def figures(self, tenant_id: str, _: int) -> Figures:
        self.asked.append(tenant_id)
        if tenant_id == "broken":
            raise Unavailable("not now")
        return Figures(runs_open=len(self.asked), cost_today_usd_micros=7)

    def busy(self) -> Busy:
        return Busy({"steps": 1}, {})


async def told(viewer: Viewer) -> Any:
    """Returns the next message but the greeting."""
    async for texts in viewer.texts():
        for text in texts:
            message = msgspec.json.decode(text)
            if message["type"] != "ready":
                return message
    return None


async def test_a_tenants_figures_are_looked_up_once_for_all_who_asked_for_them_and_for_nobody_else() -> None:
    feed, said = quiet_feed(), Told()

    def viewer(tenant: str, permissions: frozenset[Permission], *channels: Channel) -> Viewer:
        return Viewer(feed, Principal(tenant, "user/a", permissions), "c", channels, None)

    asking = [viewer("acme", MONEY, Channel.PULSE), viewer("acme", frozenset({Permission.READ_RUNS}), Channel.PULSE)]
    others = [viewer("broken", ALL, Channel.PULSE), viewer("other", ALL, Channel.RUNS)]
    pulsing = Pulsing(Looking(feed, [*asking, *others]), said, said, lambda: NOW)  # type: ignore[arg-type]

    await pulsing.beat()

    assert said.asked == ["acme", "broken"]
    first, second = [await told(each) for each in asking]
    assert (first["type"], first["runs_open"], first["lag"]) == ("pulse", 1, {"steps": 1})
    assert (first["cost"], second["cost"]) == ({"today_usd_micros": 7, "minute_usd_micros": 0}, None)
    assert first["position"]


async def test_nobody_is_looked_up_while_nobody_is_told() -> None:
    said = Told()
    await Pulsing(Looking(quiet_feed(), []), said, said).beat()  # type: ignore[arg-type]
    assert said.asked == []


@pytest.mark.parametrize("permissions", [MONEY, ALL])
def test_who_does_not_choose_is_told_no_pulse(permissions: frozenset[Permission]) -> None:
    assert not view(permissions).pulsed and view(permissions, [Channel.PULSE]).channels == (Channel.PULSE,)


def test_whatever_comes_before_the_loop_turns_wakes_a_reader_once() -> None:
    async def woken() -> None:
        feed = quiet_feed()
        tenant = feed.join("acme")
        reader = asyncio.get_running_loop().create_future()
        tenant.waiting.add(reader)
        for _ in range(3):
            feed.beat("acme", Figures(), None, NOW)
        await asyncio.wait_for(reader, 5)
        assert not tenant.waiting and tenant.timer is None

    uvloop.run(woken())  # whose timers that are due at once are none
    asyncio.run(woken())
