"""How long to wait before another attempt: longer each time, by chance, and as long as the provider says."""

from tenacity import RetryCallState, Retrying, wait_random_exponential

from domain.ports import ModelUnavailable

FIRST_S = 0.4
"""The widest pause before the second attempt; it doubles with each one after."""
LONGEST_S = 20.0

_RETRYING = Retrying(wait=wait_random_exponential(multiplier=FIRST_S, max=LONGEST_S))  # "full jitter"


def pause_s(attempts: int, failed: ModelUnavailable, left_s: float) -> float | None:
    """Returns the pause after so many failed attempts at a model (1 or more); None when it should not be waited for.

    Between nothing and 0.4 s after the first, 0.8 s after the second, up to 20 s, each as likely; on top of what the
    provider says to wait. None when another attempt at the model makes no sense, or would begin after the time left.
    """
    if not failed.again:
        return None
    state = RetryCallState(_RETRYING, None, (), {})
    state.attempt_number = attempts
    pause = (failed.retry_after_s or 0.0) + float(_RETRYING.wait(state))
    return pause if pause < left_s else None
