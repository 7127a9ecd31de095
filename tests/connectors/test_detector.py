"""The detector's process killed, frozen and lying: nothing leaves, and the next request is answered."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.detector import Detector, DetectorUnavailable, NotConcealable
from domain.concealment import PersonalData, conceal
from schemas.errors import Unavailable

TEXT = "Please write to ada@example.com or call +46 31 325 00 00 about order 1203. " * 7
SLOW = "4111 1111 1111 1111 " * 100_000
"""Two million characters, which keep a detector busy for longer than these tests wait."""
LIES = {
    "nonsense": "out.write(b'\\x00\\x00\\x00\\x04abcd')",
    "another number": "answer([request[0] + 1, [request[2], [], {}]])",
    "a text less": "answer([request[0], [request[2][1:], [], {}]])",
    "another text": "answer([request[0], [['all is well'], [], {}]])",
    "a value that is not the text's": "answer([request[0], [['[EMAIL_1]'], [], {'[EMAIL_1]': 'eve@example.com'}]])",
    "no answer but another one": "answer([request[0], None, [['x'], []]])",
    "a huge answer": "out.write(b'\\xff\\xff\\xff\\xff')",
    "half an answer": "out.write(b'\\x00\\x00\\x00\\x09abc'); out.flush(); sys.exit()",
    "its end": "sys.exit()",
    "nothing": "time.sleep(60)",
}
LIAR = """
import sys, time, msgspec
out = sys.stdout.buffer
def answer(body):
    body = msgspec.msgpack.encode(body)
    out.write(len(body).to_bytes(4, 'big') + body)
out.write(b'detector'); out.flush()
while header := sys.stdin.buffer.read(4):
    batch = msgspec.msgpack.decode(sys.stdin.buffer.read(int.from_bytes(header, 'big')))
    for request in batch[0]:
        {lie}
    out.flush()
"""


@pytest.fixture
async def detector() -> AsyncIterator[Detector]:
    one = Detector(answer_s=0.5)
    await one.conceal(["warm"])
    yield one
    await one.close()


async def test_it_answers_what_the_domain_says(detector: Detector) -> None:
    texts = ["Ada Lovelace, ada@example.com", '{"mrn": 1234567}']

    assert await detector.conceal(texts, ["Ada Lovelace"], structured=[1]) == conceal(
        texts, ["Ada Lovelace"], structured=[1]
    )
    assert (await detector.scrub(["eve@example.com"])).texts == ["[email]"]


async def test_a_thousand_requests_at_once_are_each_answered_with_their_own(detector: Detector) -> None:
    begun = time.monotonic()

    answers = await asyncio.gather(*(detector.conceal([f"{number} {TEXT[:490]}"]) for number in range(1_000)))

    assert [each.texts[0].split()[0] for each in answers] == [str(number) for number in range(1_000)]
    assert {tuple(each.values.values()) for each in answers} == {("ada@example.com", "+46 31 325 00 00")}
    print(f"\n1,000 requests of 500 characters at once: {time.monotonic() - begun:.2f} s")


async def test_lists_of_names_of_many_tenants_are_not_mixed_up(detector: Detector) -> None:
    async def found(number: int) -> list[PersonalData]:
        return (await detector.conceal([f"Ada{number} Love"], [f"Ada{number} Love"])).findings

    assert await asyncio.gather(*(found(number) for number in range(150))) == [[PersonalData("name", 0)]] * 150
    assert (await detector.conceal(["Ada1 Love"], ["Ada2 Love"])).findings == []


async def test_killed_while_it_looks_nothing_leaves_and_the_next_request_is_answered(detector: Detector) -> None:
    first = detector.pid
    asked = asyncio.create_task(detector.conceal([SLOW]))
    others = [asyncio.create_task(detector.conceal([f"{number} ada@example.com"])) for number in range(20)]
    await asyncio.sleep(0.1)
    assert first is not None
    os.kill(first, signal.SIGKILL)

    with pytest.raises(Unavailable, match="nothing leaves while the detector does not answer: its process has ended"):
        await asked
    assert [each.texts[0] for each in await asyncio.gather(*others)] == [f"{n} [EMAIL_1]" for n in range(20)]
    assert detector.pid != first


async def test_killed_while_it_waits_it_is_started_again_and_nobody_notices(detector: Detector) -> None:
    first = detector.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    while detector.pid is not None:
        await asyncio.sleep(0.01)

    assert (await detector.conceal(["ada@example.com"])).texts == ["[EMAIL_1]"]


async def test_frozen_it_is_ended_after_its_time_and_started_again(detector: Detector) -> None:
    first = detector.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)

    with pytest.raises(DetectorUnavailable, match="nothing leaves"):
        await detector.conceal(["ada@example.com"])

    assert (await detector.conceal(["ada@example.com"])).texts == ["[EMAIL_1]"]
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


async def test_a_text_that_takes_too_long_ends_the_detector_and_not_the_worker(detector: Detector) -> None:
    begun = time.monotonic()

    with pytest.raises(DetectorUnavailable, match="nothing leaves"):
        await detector.conceal([SLOW])

    assert time.monotonic() - begun < 3
    assert (await detector.conceal(["ada@example.com"])).texts == ["[EMAIL_1]"]


@pytest.mark.parametrize("lie", LIES)
async def test_a_lying_detector_is_not_believed(lie: str) -> None:
    liar = Detector((sys.executable, "-S", "-c", LIAR.format(lie=LIES[lie])), answer_s=0.5)
    try:
        with pytest.raises(DetectorUnavailable, match="nothing leaves"):
            await liar.conceal(["ada@example.com"])
    finally:
        await liar.close()


async def test_a_detector_that_cannot_be_started_lets_nothing_leave() -> None:
    none = Detector(("/nowhere/python",), wait_s=2)

    with pytest.raises(DetectorUnavailable, match="nothing leaves"):
        await none.conceal(["ada@example.com"])
    await none.close()


async def test_who_waits_gets_an_answer_also_when_the_detector_never_comes_up() -> None:
    dead = Detector((sys.executable, "-S", "-c", "pass"), wait_s=1)

    ends = await asyncio.gather(*(dead.conceal(["x"]) for _ in range(50)), return_exceptions=True)

    assert {type(each) for each in ends} == {DetectorUnavailable}
    await dead.close()


async def test_what_no_detector_could_take_is_refused_by_name(detector: Detector) -> None:
    with pytest.raises(NotConcealable, match="no kind of personal data is called shoe-size"):
        await detector.conceal(["x"], kinds=["shoe-size"])
    with pytest.raises(NotConcealable, match="no Unicode"):
        await detector.conceal(["\ud800"])


async def test_closed_it_leaves_no_process_behind(detector: Detector) -> None:
    pid = detector.pid
    assert pid is not None

    await detector.close()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_detector_sees_nothing_of_the_workers_environment(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    fresh = Detector()

    await fresh.conceal(["x"])

    assert b"canary" not in Path(f"/proc/{fresh.pid}/environ").read_bytes()
    await fresh.close()


async def test_a_worker_that_is_killed_takes_its_detector_with_it() -> None:
    program = (
        "import asyncio, os\nfrom connectors.detector import Detector\n"
        "async def main():\n d = Detector(); await d.conceal(['x'])\n"
        " print(d.pid, flush=True); os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())"
    )
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    said, _ = await worker.communicate()

    async with asyncio.timeout(10):
        while Path(f"/proc/{int(said)}/stat").exists() and ") Z" not in Path(f"/proc/{int(said)}/stat").read_text():
            await asyncio.sleep(0.02)


async def test_a_caller_that_goes_away_holds_up_nobody(detector: Detector) -> None:
    gone = [asyncio.create_task(detector.conceal([TEXT])) for _ in range(50)]
    await asyncio.sleep(0)
    for each in gone:
        each.cancel()

    assert (await detector.conceal(["ada@example.com"])).texts == ["[EMAIL_1]"]
