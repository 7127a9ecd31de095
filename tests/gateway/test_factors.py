"""People enrol a second factor, log in with its codes, each once, and are let in with nothing less."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx2
import msgspec
import pytest
from gateway_calls import PASSWORD, calls
from live_calls import app_of
from pyotp import TOTP

from connectors.publisher import KafkaPublisher
from domain.factors import RECOVERY_CODES, STEP_S, WRONG_MAX
from domain.identity import GRANTED, Role
from domain.lockout import WINDOW
from domain.sessions import Sessions
from gateway.door import Door
from gateway.people import People
from runtime.definitions import publish
from runtime.gateway import following_sessions
from schemas.codec import Codec
from tests.gateway.conftest import Followed, key
from tests.harness import events

NEW = "correct horse battery"


class Clock:
    """What time the gateways say it is."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_on(self, steps: int = 1) -> None:
        self.at += timedelta(seconds=steps * STEP_S)


class Gateway(NamedTuple):
    """A gateway by a clock of the test's own."""

    client: httpx2.AsyncClient
    clock: Clock

    def code(self, secret: str, steps: int = 0) -> str:
        return TOTP(secret).generate_otp(int(self.clock.at.timestamp()) // STEP_S + steps)

    async def login(self, name: str = "operator", password: str = PASSWORD, **more: str) -> httpx2.Response:
        said = {"tenant": "acme", "name": name, "password": password, **more}
        return await self.client.post("/auth/login", json=said)

    async def call(self, method: str, path: str, token: str, said: Any = None) -> httpx2.Response:
        return await self.client.request(method, path, json=said, headers={"Authorization": f"Bearer {token}"})

    async def status(self, token: str) -> int:
        return (await self.call("GET", "/auth/verify", token)).status_code

    async def enrol(self, name: str = "operator") -> tuple[str, dict[str, Any]]:
        """Returns the secret of a factor that counts, and what was said when it was confirmed; a step passes."""
        token = (await self.login(name)).json()["access_token"]
        secret = (await self.call("POST", "/auth/totp", token, {"password": PASSWORD})).json()["secret"]
        self.clock.pass_on()
        answer = await self.call("POST", "/auth/totp/confirm", token, {"code": self.code(secret)})
        assert answer.status_code == 200, answer.text
        self.clock.pass_on()
        return secret, answer.json()


def opened(publisher: Any, codec: Codec, people: People, followed: Followed, clock: Clock) -> Gateway:
    async def nothing_new(_: str = "") -> None:
        return None

    door = Door(publisher, codec, followed.definitions, followed.latest, people, nothing_new, now=clock)
    transport = httpx2.ASGITransport(app=app_of(door))
    return Gateway(httpx2.AsyncClient(transport=transport, base_url="http://gateway"), clock)


@pytest.fixture
async def gateway(
    publisher: KafkaPublisher, registered: Codec, people: People, followed: Followed
) -> AsyncIterator[Gateway]:
    found = opened(publisher, registered, people, followed, Clock())
    async with found.client:
        yield found


async def test_who_has_a_second_factor_is_let_in_with_a_code_and_with_each_once(gateway: Gateway) -> None:
    before = (await gateway.login()).json()["access_token"]
    secret, said = await gateway.enrol()

    assert len(set(said["recovery_codes"])) == RECOVERY_CODES
    assert await gateway.status(said["access_token"]) == 200
    assert await gateway.status(before) == 401  # begun with the password only

    needed = await gateway.login()
    assert (needed.status_code, needed.json()["needs"]) == (401, "code")
    assert "code" in needed.json()["detail"]
    for code in (gateway.code(secret), said["recovery_codes"][0], said["recovery_codes"][9].upper()):
        assert (await gateway.login(code=code)).status_code == 200
        assert (await gateway.login(code=code)).status_code == 401
    assert (await gateway.login("viewer")).status_code == 200


async def test_that_a_code_is_needed_is_said_to_who_knows_the_password_only(gateway: Gateway) -> None:
    secret, _ = await gateway.enrol()

    for answer in (
        await gateway.login(password="a wrong guess"),
        await gateway.login(password="a wrong guess", code=gateway.code(secret)),
        await gateway.login("nobody"),
    ):
        assert (answer.status_code, answer.json()["detail"]) == (401, "no valid credentials")
        assert "needs" not in answer.json()
    assert (await gateway.login(code=gateway.code(secret))).status_code == 200  # no code was used up


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (1, 200), (2, 401)])
async def test_clocks_may_differ_by_one_step(gateway: Gateway, steps: int, status: int) -> None:
    secret, _ = await gateway.enrol()

    assert (await gateway.login(code=gateway.code(secret, steps))).status_code == status


async def test_codes_cannot_be_guessed_whatever_the_address_or_the_gateway(
    log: Any,
    registered: Codec,
    gateway: Gateway,
    publisher: KafkaPublisher,
    people: People,
    followed: Followed,
) -> None:
    secret, said = await gateway.enrol()
    theirs, follower = await another_s(log, registered, people)
    async with opened(publisher, registered, theirs, followed, gateway.clock).client as client:
        elsewhere = Gateway(client, gateway.clock)
        answers = await asyncio.gather(
            *(each.login(code=f"wrong {number}") for number in range(4) for each in (gateway, elsewhere))
        )
        assert [answer.status_code for answer in answers].count(401) == WRONG_MAX
        assert {answer.status_code for answer in answers} == {401, 429}
        for each in (gateway, elsewhere):
            people.went_well("acme", "operator", "127.0.0.1")
            theirs.went_well("acme", "operator", "127.0.0.1")
            locked = await each.login(code=gateway.code(secret))
            assert locked.status_code == 429
            assert 0 < int(locked.headers["retry-after"]) <= WINDOW.total_seconds()
        assert (await gateway.login("viewer")).status_code == 200
        gateway.clock.at += WINDOW
        assert (await elsewhere.login(code=said["recovery_codes"][0])).status_code == 200
    await asyncio.to_thread(follower.stop)


async def another_s(log: Any, codec: Codec, people: People) -> tuple[People, Any]:
    """Returns what another gateway knows of people, and what keeps it up to date."""
    late = Sessions()
    follower = following_sessions(late, log.bootstrap, codec)
    await follower.start()
    return People(people.tokens, people.passwords, late, follower.catch_up), follower


async def test_of_two_gateways_that_are_shown_a_code_at_once_one_lets_in(
    log: Any,
    registered: Codec,
    gateway: Gateway,
    publisher: KafkaPublisher,
    people: People,
    followed: Followed,
) -> None:
    secret, said = await gateway.enrol()
    theirs, follower = await another_s(log, registered, people)
    async with opened(publisher, registered, theirs, followed, gateway.clock).client as client:
        elsewhere = Gateway(client, gateway.clock)
        for code in (gateway.code(secret), said["recovery_codes"][3]):
            answers = await asyncio.gather(gateway.login(code=code), elsewhere.login(code=code))
            assert sorted(answer.status_code for answer in answers) == [200, 401]
            assert (await elsewhere.login(code=code)).status_code == 401
    await asyncio.to_thread(follower.stop)


async def test_nothing_of_a_second_factor_can_be_read_on_the_log(
    log: Any, registered: Codec, gateway: Gateway, people: People
) -> None:
    secret, said = await gateway.enrol()
    code = gateway.code(secret)
    await gateway.login(code=code)
    await gateway.login(code=said["recovery_codes"][0])
    await gateway.login(code="a wrong horse")

    topics = ("requests", "sessions", "definitions", "dead-letters")
    written = json.dumps([str(each) for name in topics for each in events(log, registered, name)])
    user = msgspec.json.decode(events(log, registered, "definitions")[-1].body)

    for hidden in (secret, "horse", *said["recovery_codes"], said["recovery_codes"][0].replace("-", "")):
        assert hidden not in written
    assert f"'{code}'" not in written
    factor, sealing = user["factor"], people.passwords.sealing
    assert sealing.opened("totp", "acme", "operator", factor["id"], sealed=factor["secret"]) == secret.encode()
    for whose in (("totp", "acme", "admin"), ("totp", "other", "operator"), ("password", "acme", "operator")):
        assert sealing.opened(*whose, factor["id"], sealed=factor["secret"]) is None
    wrong = [call for call in calls(log, registered) if "wrong code" in call.reasons]
    assert [(call.principal, call.tenant_id, call.status) for call in wrong] == [("user/operator", "acme", 401)]


async def test_a_factor_counts_when_it_is_confirmed_and_not_before(gateway: Gateway) -> None:
    token = (await gateway.login()).json()["access_token"]
    first = (await gateway.call("POST", "/auth/totp", token, {"password": PASSWORD})).json()
    second = (await gateway.call("POST", "/auth/totp", token, {"password": PASSWORD})).json()

    assert first["secret"] != second["secret"]
    assert second["uri"].startswith("otpauth://totp/Auterity:operator%40acme?secret=" + second["secret"])
    assert (await gateway.login()).status_code == 200
    gateway.clock.pass_on()
    answers = [
        (await gateway.call("POST", "/auth/totp/confirm", token, {"code": gateway.code(each["secret"])})).status_code
        for each in (first, second, second)
    ]
    assert answers == [401, 200, 401]  # the last one's session has ended


async def test_a_session_alone_neither_enrols_nor_removes_a_factor(gateway: Gateway) -> None:
    secret, said = await gateway.enrol()
    token = said["access_token"]

    async def remove(password: str, code: str) -> int:
        return (await refused(password, code)).status_code

    async def refused(password: str, code: str) -> Any:
        return await gateway.call("DELETE", "/auth/totp", token, {"password": password, "code": code})

    viewer = (await gateway.login("viewer")).json()["access_token"]
    assert (await gateway.call("POST", "/auth/totp", viewer, {"password": "a wrong guess"})).status_code == 401
    assert (await gateway.call("POST", "/auth/totp/confirm", viewer, {"code": "1"})).status_code == 409
    assert (await gateway.call("POST", "/auth/totp", token, {"password": PASSWORD})).status_code == 409
    for proofs, needs in ((("a wrong guess", gateway.code(secret)), "password"), ((PASSWORD, "a wrong code"), "code")):
        answer = await refused(*proofs)
        assert (answer.status_code, answer.json()["needs"]) == (401, needs)
    assert "needs" not in (await gateway.call("POST", "/auth/totp", "no token", {"password": PASSWORD})).json()
    assert await remove(PASSWORD, gateway.code(secret)) == 200
    assert (await gateway.login()).status_code == 200
    assert await remove(PASSWORD, said["recovery_codes"][0]) == 409


async def test_a_program_has_no_second_factor(gateway: Gateway) -> None:
    answer = await gateway.call("POST", "/auth/totp", key("acme", "w").text, {"password": PASSWORD})

    assert answer.status_code == 403


async def test_a_new_password_needs_a_code_and_uses_none_up_when_it_cannot_be_taken(gateway: Gateway) -> None:
    secret, _ = await gateway.enrol()
    code = gateway.code(secret)

    assert (await gateway.login(new_password=NEW)).status_code == 401
    assert (await gateway.login(new_password="short", code=code)).status_code == 422
    assert (await gateway.login(new_password=NEW, code=code)).status_code == 200
    gateway.clock.pass_on()
    assert (await gateway.login(password=NEW, code=gateway.code(secret))).status_code == 200


async def test_where_a_second_factor_is_required_who_has_none_may_enrol_one_and_nothing_else(
    registered: Codec, gateway: Gateway, publisher: KafkaPublisher, followed: Followed
) -> None:
    before = (await gateway.login()).json()["access_token"]
    tenant = ("tenant", {"id": "acme", "status": "active", "second_factor": "required"})
    await publish([tenant], followed.definitions, registered, publisher, gateway.clock.at, "acme")

    bare = (await gateway.login()).json()["access_token"]
    for token in (before, bare):
        assert (await gateway.call("GET", "/auth/verify", token)).json()["permissions"] == []
        assert (await gateway.call("POST", "/events/business-events", token, {})).status_code == 403
    _, said = await gateway.enrol()
    whole = (await gateway.call("GET", "/auth/verify", said["access_token"])).json()["permissions"]
    assert whole == sorted(GRANTED[Role.OPERATOR])
    assert await gateway.status(bare) == 401
    shown = await gateway.call("GET", "/auth/verify", key("acme", "w").text)
    assert shown.json()["permissions"] == ["events:write"]  # programs are what they were
