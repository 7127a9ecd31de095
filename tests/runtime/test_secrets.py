"""Secrets are made once, and used only while nobody else can read them."""

import stat
from pathlib import Path

import pytest

from runtime.errors import SecretsUnusable
from runtime.secrets import FILE, load, write_once


def test_secrets_are_made_once_and_can_be_read_by_their_owner_only(tmp_path: Path) -> None:
    made = load(tmp_path / "data")
    file = tmp_path / "data" / FILE

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load(tmp_path / "data") == made
    assert len(made.sealing_key) == 32
    assert [each.name for each in file.parent.iterdir()] == [FILE]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
def test_secrets_that_others_can_read_are_not_used(tmp_path: Path, mode: int) -> None:
    load(tmp_path)
    (tmp_path / FILE).chmod(mode)

    with pytest.raises(SecretsUnusable, match=f"its mode is {mode:o}, not 600"):
        load(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"sealing": "AAAA", "signing": []}', b'{"sealing": "%", "signing": []}']
)
def test_damaged_secrets_are_named_and_left_as_they_are(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    (tmp_path / FILE).chmod(0o600)

    with pytest.raises(SecretsUnusable, match=FILE):
        load(tmp_path)
    assert (tmp_path / FILE).read_bytes() == content


def test_of_two_that_write_at_once_the_first_one_counts(tmp_path: Path) -> None:
    assert write_once(tmp_path / "file", b"first")
    assert not write_once(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"


def test_secrets_that_the_log_needs_are_not_made_anew(tmp_path: Path) -> None:
    with pytest.raises(SecretsUnusable, match="there are none, but the log has people or sessions that need them"):
        load(tmp_path, needed=True)

    assert not (tmp_path / FILE).exists()
    assert load(tmp_path, needed=False) == load(tmp_path, needed=True)
