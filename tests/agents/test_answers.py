"""Answers that are given again: to whom, without whose data, and what happens when looking for them goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agents import answers
from agents.answers import GivenAgain, Kept
from agents.asking import Asker
from connectors.answer_cache import AnswerCache
from connectors.models.local_hash import embedded
from domain import concealment
from domain.asking import routed
from domain.call_ends import completed
from domain.calls import begun, started
from domain.concealment import Concealed, Scrubbed
from domain.definitions import Definitions
from domain.given_again import GivenAnswer
from domain.ids import derive
from domain.ports import Answer, Embedding, Question
from domain.privacy import KINDS
from schemas.errors import Unavailable
from schemas.events import AiCall, CallStatus, Message
from tests.domain.events import AT, call, definition, digest_of

HOSTED = {"id": "hosted", "provider": "somebody", "output_usd_micros_per_million": 600_000_000}
BODY = {
    "id": "default",
    "default": "hosted",
    "models": [{"id": "local", "provider": "local"}, HOSTED],
    "cache": {"exact": True, "similarity_thousandths_min": 900},
}
KNOWN = Definitions([definition("models", BODY)])


class Here:
    """A Concealer in this process; `down`, it does not answer."""

    def __init__(self) -> None:
        self.down = False

    async def conceal(
        self,
        texts: Sequence[str],
        names: Sequence[str] = (),
        kinds: Collection[str] = KINDS,
        *,
        structured: Collection[int] = (),
        values: Mapping[str, str] | None = None,
    ) -> Concealed:
        if self.down:
            raise Unavailable("nothing leaves while the detector does not answer")
        return concealment.conceal(texts, names, kinds, structured=structured, values=values)

    async def scrub(
        self,
        texts: Sequence[str],
        names: Sequence[str] = (),
        kinds: Collection[str] = KINDS,
        *,
        structured: Collection[int] = (),
    ) -> Scrubbed:
        if self.down:
            raise Unavailable("nothing leaves while the detector does not answer")
        return concealment.scrub(texts, names, kinds, structured=structured)


class Saying:
    """A ModelProvider that says one thing."""

    async def ready(self, model: str) -> None:
        """It always is."""

    async def ask(self, question: Question) -> Answer:
        return Answer(text="[EMAIL_1] knows.", input_tokens=9, output_tokens=4)

    async def embed(self, texts: Sequence[str], model: str, **_: Any) -> Embedding:
        return embedded(list(texts))


class Broken:
    """A store that fails, or never answers."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def exact(self, *_: Any) -> None:
        if self._error is None:
            await asyncio.sleep(60)
        else:
            raise self._error

    nearest = put = exact


class Desk:
    """Asks as RelayCore does."""

    def __init__(self, store: Any) -> None:
        self.concealer = Here()
        self._asker = Asker(Saying(), self.concealer, KNOWN)
        self._given = GivenAgain(store, Saying(), self._asker, KNOWN)

    async def answered(self, asked: AiCall) -> AiCall:
        """Has the model asked, and its answer kept."""
        before = begun(routed(asked, KNOWN, {}, (), AT), 7)
        ready = await self._asker.ready(asked, "hosted")
        end = await self._asker.ask(asked, before, ready, 1.0)
        [done, *_], _ = completed(before, started(asked, before, AT), asked, end.answer, KNOWN, AT)
        assert isinstance(done, AiCall)
        await self._given.keep([Kept(asked, before, ready, end.said, done)])
        return done

    async def found(self, asked: AiCall) -> GivenAnswer | None:
        return await self._given.found(asked, begun(routed(asked, KNOWN, {}, (), AT), 7), AT)


def asking(text: str, **more: Any) -> AiCall:
    messages = [Message(role="system", content="Be brief."), Message(role="user", content=text)]
    said = {"model": "", "models_digest": digest_of(BODY), "messages": messages, "temperature_thousandths": 0}
    return call(CallStatus.REQUESTED, **(said | {"call_id": derive("call", text), "max_tokens": 9} | more))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[AnswerCache]:
    store = AnswerCache(tmp_path / "answers.db")
    yield store
    await store.close()


async def test_an_answer_comes_back_with_the_values_of_who_asks_and_none_lies_in_the_store(
    store: AnswerCache, tmp_path: Path
) -> None:
    desk = Desk(store)
    done = await desk.answered(asking("Does ada@example.com know what happened here today?"))

    again = await desk.found(asking("Does bob@example.org know what happened here today?"))
    near = await desk.found(asking("Does bob@example.org know what happened here today, please?"))

    assert again is not None
    assert near is not None
    assert (done.answer, again.text, near.text) == ("ada@example.com knows.", *["bob@example.org knows."] * 2)
    assert (again.hit.kind, near.hit.kind) == ("exact", "semantic")
    assert (again.hit.entry.call_id, again.hit.saved_usd_micros) == (done.call_id, done.cost_usd_micros)
    assert b"ada@" not in (tmp_path / "answers.db").read_bytes()


async def test_nobody_gets_what_another_tenant_was_told(store: AnswerCache) -> None:
    desk = Desk(store)
    await desk.answered(asking("Who knows?"))

    assert await desk.found(asking("Who knows?", tenant_id="other")) is None
    assert await desk.found(asking("Who knows?", temperature_thousandths=None)) is None


async def test_nothing_is_looked_for_while_the_detector_does_not_answer(store: AnswerCache) -> None:
    desk = Desk(store)
    await desk.answered(asking("Who knows?"))
    desk.concealer.down = True

    assert await desk.found(asking("Who knows?")) is None


@pytest.mark.parametrize("error", [RuntimeError("shut down"), OSError(), None], ids=["ended", "broken", "silent"])
async def test_a_store_that_fails_fails_no_call(error: Exception | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "WAIT_S", 0.05)
    desk = Desk(Broken(error))

    assert (await desk.answered(asking("Who knows?"))).status is CallStatus.COMPLETED
    assert await desk.found(asking("Who knows?")) is None
