"""What went wrong with an attempt, told by what came back over the wire: an error's text is never passed on.

LiteLLM makes up statuses (500 for a refused connection, 408 for a timeout), so only a response that was received counts
as a status. A provider's message may repeat the question or the key; what is shown is the status and the error's code.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from connectors.models.sdk import aiohttp, httpx, litellm, openai
from domain.ports import BadAnswer, ModelRefused, ModelUnavailable
from schemas.errors import AuterityError

LATER = {408, 409, 425, 429}
"""Statuses below 500 after which the same call may be taken."""
MAYBE_BILLED = {408, 502, 504, 524}
"""Statuses by which something in between says that it got no answer: the model may have worked."""
NO_MONEY = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
"""Codes that no waiting helps."""
CODE = re.compile(r"[a-z]+(?:_[a-z]+){0,7}")


def failure(model: str, error: BaseException) -> AuterityError:
    """Returns our error for what LiteLLM raised."""
    chain = list(_chain(error))
    if (response := _response(chain)) is not None:
        return _status(model, response)
    if any(isinstance(each, httpx().TransportError) for each in chain):
        return _transport(model, chain)
    if any(isinstance(each, TimeoutError | httpx().TimeoutException) for each in chain):
        return ModelUnavailable(f"{model}: timed out", billed=True)
    if _not_sent_by_litellm(chain):
        return _not_taken(model, error)
    return BadAnswer(f"{model}: an answer that is none ({type(chain[-1]).__name__})", billed=True)


def retry_after_s(headers: Any, now: datetime) -> float | None:
    """Returns how long the headers say to wait (RFC 9110, or in milliseconds as OpenAI says it); None for nothing."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    said = headers.get("retry-after")
    if said is None or (seconds := _number(said)) is not None:
        return seconds if said is not None else None
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _number(said: str | None) -> float | None:
    """Returns a number of at most a day, None for anything else."""
    if said is None or not re.fullmatch(r"\d{1,9}(?:\.\d{1,6})?", said.strip()):
        return None
    return min(float(said), 86_400_000.0)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or at.__context__


def _response(chain: list[BaseException]) -> Any:
    """Returns the response that was received, None when none was; LiteLLM's own errors carry invented ones."""
    for each in chain:
        if isinstance(each, httpx().HTTPStatusError):
            return each.response
        if isinstance(each, openai().APIStatusError) and type(each).__module__.startswith("openai"):
            return each.response
    return None


def _status(model: str, response: Any) -> AuterityError:
    status = int(response.status_code)
    code = _code(response)
    reason = f"{model}: HTTP {status}{f' {code}' if code else ''}"
    if 400 <= status < 500 and status not in LATER:
        return ModelRefused(reason)
    return ModelUnavailable(
        reason,
        billed=status in MAYBE_BILLED or status < 400,
        again=code not in NO_MONEY,
        retry_after_s=retry_after_s(response.headers, datetime.now(UTC)),
    )


def _code(response: Any) -> str:
    """Returns the provider's word for the error, empty when it is no plain word."""
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, httpx().ResponseNotRead, httpx().StreamError):
        return ""
    error = body.get("error") if isinstance(body, dict) else None
    for name in ("code", "type"):
        said = error.get(name) if isinstance(error, dict) else None
        if isinstance(said, str) and len(said) <= 64 and CODE.fullmatch(said):
            return said
    return ""


def _transport(model: str, chain: list[BaseException]) -> ModelUnavailable:
    if _never_sent(chain):
        return ModelUnavailable(f"{model}: no connection", billed=False)
    if any(isinstance(each, httpx().TimeoutException) for each in chain):
        return ModelUnavailable(f"{model}: timed out", billed=True)
    return ModelUnavailable(f"{model}: the connection was lost after the question was sent", billed=True)


def _never_sent(chain: list[BaseException]) -> bool:
    """True when no connection came about. LiteLLM says ConnectError for a lost one, too: what lies below tells."""
    below = [each for each in chain if isinstance(each, aiohttp().ClientError)]
    if below:
        return any(
            isinstance(each, aiohttp().ClientConnectorError | aiohttp().ConnectionTimeoutError) for each in below
        )
    return any(isinstance(each, httpx().ConnectError | httpx().ConnectTimeout | httpx().PoolTimeout) for each in chain)


def _not_sent_by_litellm(chain: list[BaseException]) -> bool:
    """True when nothing came back and LiteLLM says that the call is wrong; a missing key is a bare OpenAIError."""
    wrong = (openai().BadRequestError, openai().AuthenticationError, openai().NotFoundError, ImportError)
    return isinstance(chain[0], wrong) or any(type(each) is openai().OpenAIError for each in chain)


def _not_taken(model: str, error: BaseException) -> ModelRefused:
    """Returns that LiteLLM did not even send it."""
    if missing := litellm().validate_environment(model=model)["missing_keys"]:
        return ModelRefused(f"{model}: {', '.join(missing)} is not set")
    return ModelRefused(f"{model}: LiteLLM takes no such call ({type(error).__name__})")
