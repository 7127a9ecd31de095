"""Names the mark of the tests that start Java servers (`-m "not servers"` leaves them out)."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "servers: starts a Java server")
