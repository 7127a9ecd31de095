"""The tree of errors; the text of each is one line that names the thing.

AuterityError
├── Rejected       never works, however often it is tried: the record becomes a dead letter
│   ├── Undecodable   the bytes are not what the topic's schema says
│   └── TooLarge      the event takes more than a record, a key or a reader does
└── Unavailable    may work later: tried again, nothing is acknowledged meanwhile
    └── LogUnavailable   it is the log itself
"""


class AuterityError(Exception):
    """Something the platform can name in one line."""


class Rejected(AuterityError):
    """The record or the input is wrong and stays wrong."""


class Undecodable(Rejected):
    """The bytes are not what the topic's schema says."""


class TooLarge(Rejected):
    """The event takes more bytes, items or characters than its record may have."""


class Unavailable(AuterityError):
    """Something needed does not answer; the same call may succeed later."""


class LogUnavailable(Unavailable):
    """The log does not answer, or does not take what it is given."""
