"""Logs of the long-running processes: one JSON object a line on standard error, facts as fields."""

import json
import logging
import sys
from datetime import UTC, datetime

_PLAIN = frozenset(vars(logging.makeLogRecord({})))
_NOISY = ("faust", "mode", "aiokafka", "httpx2", "httpcore", "LiteLLM", "streams.transport")


class JsonLines(logging.Formatter):
    """Formats a record as time, level, logger, message, and the facts given in `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns one line."""
        facts = {name: value for name, value in vars(record).items() if name not in _PLAIN and name != "message"}
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **facts,
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure(level: str) -> None:
    """Sends this process's logs to standard error; libraries that tell much speak up from WARNING on, at DEBUG from
    INFO on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.INFO if level.upper() == "DEBUG" else logging.WARNING)
    logging.captureWarnings(True)
