"""What a wheel of the project holds: every package with its data, and nothing else."""

import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest
from tree import ROOT, files

PACKAGES = ("schemas", "domain", "streams", "agents", "sinks", "connectors", "gateway", "runtime", "examples")
PAGE = "gateway/page/index.html"
DATA = (".avsc", ".yaml", ".jsonl", ".lock")
OFFLINE = ("failed to fetch", "error sending request", "dns error", "network", "connect")


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of a fresh wheel's files, built from the files that are or would be committed."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".uv" / "bin"))
    if uv is None:
        pytest.skip("uv is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    for path in files():
        (folder / "source" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / "source" / path)
    (folder / "source" / PAGE).parent.mkdir()
    (folder / "source" / PAGE).write_text("what the build makes, and git leaves out")
    command = [uv, "build", "--wheel", "--out-dir", str(folder), str(folder / "source")]
    built = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if built.returncode and any(word in built.stderr.lower() for word in OFFLINE):
        pytest.skip("the build backend is neither cached nor to be had: no network")
    assert not built.returncode, built.stderr
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_the_wheel_holds_every_package_with_its_data_and_nothing_else(contents: set[str]) -> None:
    wanted = {path for path in files() if path.split("/")[0] in PACKAGES} | {PAGE}
    assert {name for name in contents if ".dist-info/" not in name} == wanted


def test_the_wheel_holds_schemas_examples_and_locked_jars_but_no_other_kind_of_file(contents: set[str]) -> None:
    packed = {name for name in contents if ".dist-info/" not in name} - {PAGE}
    kinds = {Path(name).suffix for name in packed}
    assert kinds == {".py", *DATA}
    assert {"schemas/avro/ai_calls.avsc", "examples/dealership/day.jsonl", "runtime/jars.lock"} <= packed


def test_the_wheel_holds_the_licence_and_the_command(contents: set[str]) -> None:
    about = {name.split(".dist-info/")[1] for name in contents if ".dist-info/" in name}
    assert {"licenses/LICENSE", "entry_points.txt"} <= about
