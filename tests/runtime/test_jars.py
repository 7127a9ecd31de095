"""Jars are fetched once, as a whole, and what is not the locked file is never used."""

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from runtime import jars
from runtime.errors import JarsUnavailable
from runtime.jars import Bundle, LockedFile

SLF4J = "org.slf4j:slf4j-simple:1.7.36"
SMALL = Bundle("small", tuple(file for file in jars.locked_bundle("kafka").files if file.coordinate == SLF4J))
JAR = "slf4j-simple-1.7.36.jar"

FETCH = """
import sys
from pathlib import Path
from runtime import jars
from runtime.errors import JarsUnavailable
files = tuple(file for file in jars.locked_bundle("kafka").files if file.coordinate == sys.argv[1])
try:
    print(jars.fetch(jars.Bundle("small", files), jars.default_cache(), print).name)
except JarsUnavailable as error:
    print(error)
"""


def fetch_elsewhere(cache_home: Path, *, network: bool) -> "subprocess.Popen[str]":
    """A process of its own, for which every request ends at a port nobody listens on unless `network`."""
    nowhere = {} if network else dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", FETCH, SLF4J],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **nowhere, "XDG_CACHE_HOME": str(cache_home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that holds the small bundle."""
    home = tmp_path_factory.mktemp("cache")
    both = [fetch_elsewhere(home, network=True) for _ in range(2)]
    told = sorted(process.communicate(timeout=120)[0] for process in both)
    assert told == ["downloading Small 1.7.36 (once)\nsmall-1.7.36\n", "small-1.7.36\n"], "one fetches, one waits"
    return home


def test_a_fetched_bundle_holds_its_jars_and_no_leftovers(filled: Path) -> None:
    cache = jars.default_cache({"XDG_CACHE_HOME": str(filled)})
    assert zipfile.is_zipfile(cache / "small-1.7.36" / JAR)
    assert sorted(path.name for path in cache.iterdir()) == [".small-1.7.36.lock", "small-1.7.36"]


def test_a_second_fetch_touches_no_network(filled: Path) -> None:
    process = fetch_elsewhere(filled, network=False)
    assert process.communicate(timeout=60)[0] == "small-1.7.36\n"


def test_a_cached_bundle_is_found_within_50_ms(filled: Path) -> None:
    cache = jars.default_cache({"XDG_CACHE_HOME": str(filled)})
    began = time.perf_counter()
    jars.fetch(SMALL, cache, print)
    assert time.perf_counter() - began < 0.05


def test_without_cache_and_network_the_error_names_the_coordinate_in_one_line(tmp_path: Path) -> None:
    process = fetch_elsewhere(tmp_path, network=False)
    _, last = process.communicate(timeout=60)[0].splitlines()
    assert last.startswith(f"{SLF4J} is not cached and could not be downloaded: the Maven repository cannot be reached")


def test_a_truncated_jar_in_a_leftover_folder_is_never_used(tmp_path: Path) -> None:
    leftover = tmp_path / ".small-1.7.36.tmp-dead" / "repository" / "org/slf4j/slf4j-simple/1.7.36"
    leftover.mkdir(parents=True)
    (leftover / JAR).write_bytes(b"PK\x03\x04 and no more")
    folder = jars.fetch(SMALL, tmp_path, lambda _: None)
    assert zipfile.is_zipfile(folder / JAR)
    assert not leftover.exists()


def test_a_cached_jar_that_lost_bytes_is_fetched_again(tmp_path: Path, filled: Path) -> None:
    whole = jars.default_cache({"XDG_CACHE_HOME": str(filled)}) / "small-1.7.36"
    damaged = tmp_path / "small-1.7.36"
    damaged.mkdir()
    (damaged / jars.MANIFEST).write_text((whole / jars.MANIFEST).read_text())
    (damaged / JAR).write_bytes((whole / JAR).read_bytes()[:100])
    assert (jars.fetch(SMALL, tmp_path, lambda _: None) / JAR).read_bytes() == (whole / JAR).read_bytes()


def test_a_file_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    forged = Bundle("small", (LockedFile(SLF4J, "0" * 64),))
    with pytest.raises(JarsUnavailable, match="not the locked 0000"):
        jars.fetch(forged, tmp_path, lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == [".small-1.7.36.lock"]


def test_an_unusable_cache_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(JarsUnavailable, match=f"the cache {tmp_path / 'cache'} fails"):
        jars.fetch(SMALL, tmp_path / "cache", lambda _: None)


def test_every_jar_of_kafka_in_the_lock_file_has_one_version() -> None:
    bundle = jars.locked_bundle("kafka")
    own = [file.coordinate for file in bundle.files if file.coordinate.startswith("org.apache.kafka:")]
    assert {coordinate.rsplit(":", 1)[1] for coordinate in own} == {bundle.version}
