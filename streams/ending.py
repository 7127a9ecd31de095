"""How a process ends that met what it does not know: at once."""

import logging
import os

CRASHED = 70
"""Exit status of such a process; its supervisor starts it again."""

log = logging.getLogger(__name__)


def crash(name: str) -> None:
    """Logs the current exception and ends the process at once: nothing more is committed."""
    log.critical("stage crashed", exc_info=True, extra={"stage": name})
    logging.shutdown()
    os._exit(CRASHED)
