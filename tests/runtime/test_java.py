"""JAVA_HOME wins, if it names a Java that will do."""

from pathlib import Path

import pytest

from runtime.errors import JavaUnusable
from runtime.java import find_java


def _home(folder: Path, release: str, says: str = "") -> Path:
    (folder / "bin").mkdir()
    (folder / "bin" / "java").write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    (folder / "bin" / "java").chmod(0o755)
    if release:
        (folder / "release").write_text(release)
    return folder


def test_without_java_home_the_packaged_java_runs() -> None:
    assert find_java(21, {}).version >= 21


def test_java_home_wins(tmp_path: Path) -> None:
    home = _home(tmp_path, 'IMPLEMENTOR="x"\nJAVA_VERSION="21.0.4"\n')
    assert find_java(21, {"JAVA_HOME": str(home)}).launcher == home / "bin" / "java"


@pytest.mark.parametrize(
    ("release", "says", "version"),
    [
        ('JAVA_VERSION="17.0.10"\n', "", 17),
        ("", 'openjdk version "17" 2021-09-14', 17),
        ("", 'java version "1.8.0_402"', 8),
    ],
)
def test_an_old_java_home_is_refused_and_named(tmp_path: Path, release: str, says: str, version: int) -> None:
    home = _home(tmp_path, release, says)
    with pytest.raises(JavaUnusable, match=f"JAVA_HOME names {home}, which is Java {version}"):
        find_java(21, {"JAVA_HOME": str(home)})


def test_a_java_home_without_java_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JavaUnusable, match="holds no bin/java"):
        find_java(17, {"JAVA_HOME": str(tmp_path)})
