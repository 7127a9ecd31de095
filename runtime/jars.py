"""Fetches the servers' jars by Maven coordinates, once per user, and never leaves a half-written one behind.

Which files a server runs from, and their SHA-256, is fixed in `jars.lock` (written by `runtime.jars_lock`), so a
fetch resolves nothing and trusts nobody. It works in a temporary folder beside the place and renames it as a whole:
what has a manifest is complete. A cached bundle is used without a look at the network.
"""

import fcntl
import hashlib
import json
import logging
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from runtime.errors import JarsUnavailable

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

Progress = Callable[[str], None]

LOCK_FILE = Path(__file__).with_name("jars.lock")
MANIFEST = "manifest.json"
DOWNLOADS_AT_ONCE = 4
ATTEMPTS_MAX = 3
REQUEST_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One file of a bundle: `group:artifact:version`, or `group:artifact:packaging:classifier:version`.

    The classifier of an archive may be empty.
    """

    coordinate: str
    sha256: str

    @property
    def is_archive(self) -> bool:
        return self.coordinate.count(":") == 4


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one server runs from: jars, which lie flat in one folder, or an archive, which is unpacked there."""

    name: str
    files: tuple[LockedFile, ...]

    @property
    def version(self) -> str:
        """That of the first file, which the others come along with."""
        return self.files[0].coordinate.rsplit(":", 1)[1]


def locked_bundle(name: str, lock_file: Path = LOCK_FILE) -> Bundle:
    """The bundle as the lock file fixes it."""
    lines = (line.split() for line in lock_file.read_text().splitlines() if not line.startswith("#"))
    return Bundle(name, tuple(LockedFile(coordinate, sha256) for owner, coordinate, sha256 in lines if owner == name))


def default_cache(environ: Mapping[str, str] = os.environ) -> Path:
    """`auterity/jars` in the user's cache folder."""
    cache = environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache") / "auterity" / "jars"


def fetch(bundle: Bundle, cache: Path, progress: Progress) -> Path:
    """The folder that holds the bundle's jars (or its unpacked archive), complete and verified.

    Safe to call from several threads and processes: one fetches, the others wait and use its work. Raises
    JarsUnavailable when the bundle is not cached and cannot be had.
    """
    place = cache / f"{bundle.name}-{bundle.version}"
    if _is_complete(bundle, place):
        return place
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with alone(cache / f".{place.name}.lock"):
            if not _is_complete(bundle, place):
                progress(f"downloading {bundle.name.capitalize()} {bundle.version} (once)")
                _fill(bundle, place)
    except OSError as error:
        reason = f"the cache {cache} fails: {error.strerror or error}"
        raise JarsUnavailable(bundle.files[0].coordinate, reason) from error
    return place


def maven(repository: Path) -> "MavenContext":
    """Maven's central repository, seen through a local one in the folder; writes nothing to the terminal."""
    from jgo.maven import MavenContext, ProfileConstraints, PythonResolver  # only to download: starts stay quick

    silent = logging.getLogger("jgo")
    silent.addHandler(logging.NullHandler())
    silent.propagate = False
    resolver = PythonResolver(ProfileConstraints(jdk="25"))
    return MavenContext(resolver=resolver, repo_cache=repository, timeout=REQUEST_TIMEOUT_S)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Waits until no other process or thread is in here with this file."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Broken(Exception):
    """What arrived is not what was asked for."""


def _fill(bundle: Bundle, place: Path) -> None:
    """Holding the lock: whatever temporary folder lies there was left by a process that died."""
    for leftover in place.parent.glob(f".{place.name}.tmp-*"):
        shutil.rmtree(leftover)
    folder = Path(mkdtemp(prefix=f".{place.name}.tmp-", dir=place.parent))
    try:
        content = folder / "content"
        content.mkdir()
        context = maven(folder / "repository") if find_spec("jgo") else None
        if context is None:
            raise JarsUnavailable(bundle.files[0].coordinate, "the package jgo is not installed")
        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
            list(pool.map(lambda file: _add(file, context, content), bundle.files))
        _write_manifest(bundle, content)
        if place.exists():
            shutil.rmtree(place)
        content.rename(place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _add(file: LockedFile, context: "MavenContext", content: Path) -> None:
    arrived = _download(file, _artifact(file, context))
    if not file.is_archive:
        arrived.rename(content / arrived.name)
    elif zipfile.is_zipfile(arrived):
        with zipfile.ZipFile(arrived) as archive:
            archive.extractall(content)
    else:
        with tarfile.open(arrived) as archive:
            if hasattr(tarfile, "data_filter"):
                archive.extractall(content, filter="data")
            else:  # Python before 3.11.4; the archive's SHA-256 is the one we pinned
                archive.extractall(content)


def _artifact(file: LockedFile, context: "MavenContext") -> "Artifact":
    group, name, *kind, version = file.coordinate.split(":")
    packaging, classifier = kind or ("jar", "")
    return context.project(group, name).at_version(version).artifact(classifier=classifier, packaging=packaging)


def _download(file: LockedFile, artifact: "Artifact") -> Path:
    """The file, proved to be the locked one; what broke off on the way is fetched again."""
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            arrived = artifact.resolve()
            with arrived.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
            if found == file.sha256:
                return arrived
            raise _Broken(f"what arrived has the SHA-256 {found}, not the locked {file.sha256}")
        except (OSError, RuntimeError, AssertionError, _Broken) as error:  # the first is also what its client raises
            began = artifact.cached_path is not None and artifact.cached_path.exists()
            if attempt == ATTEMPTS_MAX or not began:
                raise JarsUnavailable(file.coordinate, _reason(error)) from error
            assert artifact.cached_path is not None
            artifact.cached_path.unlink()  # or jgo trusts it
    raise AssertionError("unreachable")


def _reason(error: Exception) -> str:
    """One line without addresses: a proxy's may hold a password."""
    if isinstance(error, _Broken):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, RuntimeError):
        return "the Maven repository does not have it"
    return f"the Maven repository cannot be reached ({type(error).__name__})"


def _write_manifest(bundle: Bundle, content: Path) -> None:
    sizes = {str(path.relative_to(content)): path.stat().st_size for path in content.rglob("*") if path.is_file()}
    (content / MANIFEST).write_text(json.dumps({"bundle": _identity(bundle), "sizes": sizes}))
    os.sync()  # the rename must not reach the disk before what it names


def _is_complete(bundle: Bundle, place: Path) -> bool:
    """Whether the folder is this bundle and every file of its manifest has its size."""
    try:
        manifest = json.loads((place / MANIFEST).read_text())
        return manifest["bundle"] == _identity(bundle) and all(
            (place / name).stat().st_size == size for name, size in manifest["sizes"].items()
        )
    except (OSError, ValueError, KeyError):
        return False


def _identity(bundle: Bundle) -> list[str]:
    return [file.sha256 for file in bundle.files]
