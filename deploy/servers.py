"""Gets the real servers and programs that tests run against, once per user: `python -m deploy.servers`.

Keycloak comes by Maven coordinates with the locked SHA-256 and is made ready to start; PostgreSQL, Redis, xmlsec1 and
Chromium are those of this machine, else Debian's packages, which apt verifies, unpacked into the cache: nothing is
installed.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from runtime.errors import RuntimeFailed
from runtime.jars import Progress, alone, default_cache, fetch, locked_bundle
from runtime.java import find_java
from schemas.errors import AuterityError

APT_S, BUILD_S, TRY_S = 300, 300, 20
JAVA_MIN = 17
JAVA_OPTIONS = (
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "-Djava.util.concurrent.ForkJoinPool.common.threadFactory=io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
)
BUILT_WITH = ("build", "--db=dev-mem", "--cache=local", "--features-disabled=admin,account")


FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<dir prefix="relative">usr/share/fonts</dir><dir>/usr/share/fonts</dir><cachedir prefix="xdg">fontconfig</cachedir>
<alias><family>system-ui</family><prefer><family>Liberation Sans</family></prefer></alias>
<alias><family>sans-serif</family><prefer><family>Liberation Sans</family></prefer></alias>
<alias><family>monospace</family><prefer><family>Liberation Mono</family></prefer></alias>
</fontconfig>
"""


@dataclass(eq=False)
class ServerMissing(RuntimeFailed):
    """{name} cannot be had: {reason}."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Packaged:
    """A program of Debian's: its package, the packages that are unpacked (and `lib*`), and where it lies in them."""

    package: str
    wanted: tuple[str, ...]
    place: str


PROGRAMS = {
    "postgres": Packaged("postgresql", ("postgresql-[0-9]*",), "usr/lib/postgresql/*/bin/postgres"),
    "redis-server": Packaged("redis-server", ("redis-server", "redis-tools"), "usr/bin/redis-server"),
    "xmlsec1": Packaged("xmlsec1", ("xmlsec1",), "usr/bin/xmlsec1"),
    "chromium": Packaged("chromium", ("chromium", "chromium-common", "font*"), "usr/lib/chromium/chromium"),
}


def main() -> None:
    """Returns at once when all is there; names in one line each what cannot be had, and ends with status 1 then."""
    missing = 0
    for provide in (keycloak, *(lambda say, name=name: program(name, say) for name in PROGRAMS)):
        try:
            provide(lambda text: print(text, file=sys.stderr))
        except AuterityError as error:
            print(f"bootstrap: {error}", file=sys.stderr)
            missing += 1
    sys.exit(1 if missing else 0)


def program(name: str, progress: Progress, where: Path | None = None) -> Path:
    """Returns the program, of this machine or of the cache; raises ServerMissing."""
    packaged = PROGRAMS[name]
    here = [Path(found)] if (found := shutil.which(name)) else sorted(Path("/").glob(packaged.place))
    if here:
        return here[-1]
    place = (where or cache()) / name
    once(place, lambda folder: _unpack(name, packaged, folder, progress), lambda: _runs(place / name))
    return place / name


def keycloak(progress: Progress, where: Path | None = None) -> Path:
    """Returns the folder of a Keycloak that only has to be started; raises JarsUnavailable, JavaUnusable,
    ServerMissing."""
    bundle = locked_bundle("keycloak")
    java = find_java(JAVA_MIN)
    place = (where or cache()) / f"keycloak-{bundle.version}-java{java.version}"

    def build(folder: Path) -> None:
        (unpacked,) = (path for path in fetch(bundle, default_cache(), progress).iterdir() if path.is_dir())
        progress(f"making Keycloak {bundle.version} ready to start (once)")
        shutil.copytree(unpacked, folder, dirs_exist_ok=True)
        run("Keycloak", keycloak_command(java.launcher, folder, folder, *BUILT_WITH), BUILD_S)
        (folder / "built").touch()

    once(place, build, (place / "built").exists)
    return place


def keycloak_command(java: Path, folder: Path, home: Path, *arguments: str) -> list[str]:
    """Returns what runs the Keycloak of this folder; what it writes goes to `home`."""
    where = (f"-Dkc.home.dir={home}", f"-Djboss.server.config.dir={home}/conf", "-cp", f"{folder}/lib/quarkus-run.jar")
    return [str(java), *JAVA_OPTIONS, *where, "io.quarkus.bootstrap.runner.QuarkusEntryPoint", *arguments]


def cache() -> Path:
    """Returns the folder of what is got once per user."""
    return default_cache().with_name("servers")


def once(place: Path, fill: Callable[[Path], None], is_there: Callable[[], bool]) -> None:
    """Fills the place as a whole unless it is there; others wait meanwhile. Raises ServerMissing."""
    if is_there():
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with alone(place.with_name(f".{place.name}.lock")):
            if is_there():
                return
            for leftover in place.parent.glob(f".{place.name}.tmp-*"):
                shutil.rmtree(leftover)
            shutil.rmtree(place, ignore_errors=True)
            folder = Path(mkdtemp(prefix=f".{place.name}.tmp-", dir=place.parent))
            try:
                fill(folder)
                folder.rename(place)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise ServerMissing(place.name, f"the cache {place.parent} fails: {error.strerror or error}") from error
    if not is_there():
        raise ServerMissing(place.name, "what was fetched does not run here")


def _unpack(name: str, packaged: Packaged, folder: Path, progress: Progress) -> None:
    """Fills the folder with the packages and scripts that start the program (and its initdb) on their libraries."""
    progress(f"downloading {name} from Debian (once)")
    apt = _apt(name, folder, packaged.package)
    said = run(name, [*apt, "--simulate", "--no-install-recommends", "install", packaged.package], APT_S)
    needed = [line.split()[1] for line in said.splitlines() if line.startswith("Inst ")]
    wanted = [each for each in needed if any(Path(each).match(pattern) for pattern in ("lib*", *packaged.wanted))]
    if not wanted:
        raise ServerMissing(name, f"apt offers nothing for {packaged.package}")
    run(name, [*apt, "download", *wanted], APT_S, folder)
    for package in folder.glob("*.deb"):
        run(name, ["dpkg-deb", "--extract", str(package), str(folder)], APT_S)
        package.unlink()
    shutil.rmtree(folder / "apt", ignore_errors=True)
    (found,) = folder.glob(packaged.place)
    places = {each.parent.relative_to(folder) for each in folder.glob("usr/lib/*-linux-gnu*/**/lib*.so*")}
    libraries = ":".join(f"$here/{each}" for each in sorted(places))
    for each in (found, *found.parent.glob("initdb")):
        script = folder / each.name
        script.write_text(
            '#!/bin/sh\nhere=$(dirname "$(readlink -f "$0")")\n'
            f'{_fonts(folder)}exec env LD_LIBRARY_PATH="{libraries}" "$here/{each.relative_to(folder)}" "$@"\n'
        )
        script.chmod(0o755)


def _fonts(folder: Path) -> str:
    """Returns the line that has a program find the fonts that came along; nothing when none did."""
    if not (folder / "usr/share/fonts").is_dir():
        return ""
    (folder / "fonts.conf").write_text(FONTS)
    return 'export FONTCONFIG_FILE="$here/fonts.conf"\n'


def _apt(name: str, folder: Path, package: str) -> list[str]:
    """Returns apt-get with the machine's package lists, or, where they do not know the package, with fresh ones."""
    command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root"]  # or its own user could not write to the cache
    try:
        run(name, [*command, "--simulate", "install", package], APT_S)
    except ServerMissing:
        for part in ("lists/partial", "archives/partial"):
            (folder / "apt" / part).mkdir(parents=True)
        command += ["-o", f"Dir::State::Lists={folder}/apt/lists", "-o", f"Dir::Cache={folder}/apt"]
        run(name, [*command, "update"], APT_S)
    return command


def _runs(path: Path) -> bool:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=TRY_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return not done.returncode


def run(
    name: str, command: Sequence[str], timeout_s: float, folder: Path | None = None, programs: Path | None = None
) -> str:
    """Returns what the command printed, with a folder of programs first; raises ServerMissing with its last line."""
    env = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    if programs is not None:
        env["PATH"] = f"{programs}{os.pathsep}{env.get('PATH', '')}"
    try:
        done = subprocess.run(
            command, cwd=folder, env=env, timeout=timeout_s, check=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
    except FileNotFoundError as error:
        raise ServerMissing(name, f"there is no {Path(command[0]).name}") from error
    except subprocess.TimeoutExpired as error:
        raise ServerMissing(name, f"{Path(command[0]).name} took more than {timeout_s:.0f} s") from error
    if done.returncode:
        lines = done.stdout.strip().splitlines() or ["it said nothing"]
        raise ServerMissing(name, f"{Path(command[0]).name} failed: {lines[-1].rstrip('.')}")
    return done.stdout


if __name__ == "__main__":
    main()
