"""A data directory is proved usable, or refused in one line that names it."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from runtime import data_dir
from runtime.errors import AuterityError, DataDirBusy, DataDirUnusable


def test_a_new_directory_is_its_owners_only(tmp_path: Path) -> None:
    folder = data_dir.prepare(tmp_path / "a" / "b")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_in_the_way_is_named(tmp_path: Path, below: str) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(DataDirUnusable, match="a file is in the way") as refusal:
        data_dir.prepare(tmp_path / "state" / below)
    assert str(tmp_path / "state") in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system that takes no files")
def test_a_directory_that_takes_no_files_is_refused() -> None:
    with pytest.raises(AuterityError, match="/proc/self cannot be used"):
        data_dir.prepare(Path("/proc/self"), free_bytes_min=0)


def test_a_nearly_full_disk_is_refused_with_what_is_free(tmp_path: Path) -> None:
    with pytest.raises(DataDirUnusable, match=r"only \d+ MB are free, \d+ MB are needed"):
        data_dir.prepare(tmp_path, free_bytes_min=1 << 60)


def test_a_second_command_is_refused_with_the_holders_id(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from runtime import data_dir\n"
        "with data_dir.locked(Path(sys.argv[1])):\n    print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DataDirBusy, match=f"in use by process {holder.pid};"), data_dir.locked(tmp_path):
            pass
        holder.kill()
        holder.wait()
    with data_dir.locked(tmp_path):  # a killed holder leaves no lock behind
        assert (tmp_path / "lock").read_text() == str(os.getpid())
    with data_dir.locked(tmp_path):
        pass
