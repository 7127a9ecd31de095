"""Ports are kept where they can be, and refused in one line where they cannot."""

import socket
from pathlib import Path

import pytest

from runtime import ports
from runtime.errors import PortTaken


def test_a_taken_port_that_was_asked_for_is_refused() -> None:
    with socket.socket() as other:
        other.bind((ports.HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {taken} for kafka is taken"):
            ports.choose("kafka", taken, [], 2)


def test_remembered_ports_are_kept_except_where_taken() -> None:
    with socket.socket() as other:
        other.bind((ports.HOST, 0))
        other.listen()
        free = ports.choose("kafka", 0, [], 1)[0]
        first, second = ports.choose("kafka", 0, [free, other.getsockname()[1]], 2)
    assert first == free
    assert second != free


def test_the_ports_chosen_together_differ() -> None:
    free = ports.choose("kafka", 0, [], 1)[0]
    assert len(set(ports.choose("kafka", free, [free, free], 3))) == 3


@pytest.mark.parametrize("content", ["", "{}", '["x", -1, 70000]', "[1, "])
def test_a_damaged_memory_of_ports_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "ports").write_text(content)
    assert ports.remembered(tmp_path / "ports") == []
