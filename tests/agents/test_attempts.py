"""What follows from the end of an attempt: how long the next one waits, and what its hold is asked to settle."""

from datetime import timedelta

import msgspec

from agents.attempts import PAUSE_MAX_S, Live, ended
from domain.calls import Phase, onward, pause_s
from domain.ports import ModelUnavailable
from schemas.events import AiCall, CallStatus
from tests.domain.events import AT
from tests.domain.test_calls import ASKED, MODELS, opened


def failed(error: ModelUnavailable) -> Live:
    call, started = opened()
    live = Live(ASKED, msgspec.structs.replace(call, tries=1), started=started)
    [end, _] = ended(live, error, MODELS, AT)
    assert isinstance(end, AiCall)
    assert end.status is CallStatus.ATTEMPT_FAILED
    return live


def test_another_attempt_at_the_model_waits_as_long_as_the_provider_says() -> None:
    live = failed(ModelUnavailable("busy", billed=False, retry_after_s=3.0))
    _, call = onward(live.now, ASKED, MODELS, AT)
    assert 3.0 <= pause_s(call, AT) <= PAUSE_MAX_S
    assert pause_s(call, AT + timedelta(minutes=1)) == 0.0


def test_another_model_is_asked_at_once() -> None:
    live = failed(ModelUnavailable("no such model", billed=False, again=False, retry_after_s=3.0))
    _, call = onward(live.now, ASKED, MODELS, AT)
    assert (call.phase, pause_s(call, AT)) == (Phase.WAITING, 0.0)
