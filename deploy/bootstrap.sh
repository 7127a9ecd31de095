#!/bin/sh
# Gets what the Makefile's targets need: Python is there, uv and the locked environment are made. Quick when nothing
# changed. With `page`: the page that people use, built. With `tests`: that, the servers' jars, and the system packages
# that single tests use.
set -eu
cd "$(dirname "$0")/.."

UV_VERSION=0.13.8
UV_HOME=.uv

if [ -z "${HOME:-}" ]; then unset HOME; fi # then the system's own idea of the home counts
unset VIRTUAL_ENV UV_PROJECT_ENVIRONMENT   # the environment is .venv, whatever the caller's shell is in

say() { echo "bootstrap: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

apt_install() { # as root on Debian and its kin; else, or when it fails, false
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    say "installing $* by apt"
    apt="env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120"
    { $apt update && $apt install -y --no-install-recommends "$@"; } </dev/null >/dev/null 2>&1
}

find_python() { # prints the first Python that will do
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
    return 1
}

find_uv() { # prints the first uv that works and is new enough
    for name in uv "$UV_HOME/bin/uv"; do
        found=$("$name" --version 2>/dev/null) || continue
        case $found in
        "uv 0."[0-8]" "* | "uv 0."[0-8].*) ;;
        "uv "*) echo "$name" && return ;;
        esac
    done
    return 1
}

install_uv() { # into the project, so that a system's own packages are left alone (PEP 668)
    say "installing uv $UV_VERSION into $UV_HOME"
    export PIP_ROOT_USER_ACTION=ignore
    mkdir -p "$UV_HOME"
    echo '*' >"$UV_HOME/.gitignore"
    if ! "$python" -m pip --version >/dev/null 2>&1 && ! "$python" -c 'import ensurepip' >/dev/null 2>&1; then
        apt_install python3-pip ||
            fail "$python has neither pip nor venv: install the Debian package python3-pip (or uv itself)"
    fi
    if "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m pip install -q --disable-pip-version-check --no-input --no-warn-script-location --upgrade \
            --target "$UV_HOME" "uv==$UV_VERSION" </dev/null >&2 || fail "uv could not be installed from PyPI"
    else
        "$python" -m venv "$UV_HOME" >&2 || fail "no private environment could be made in $UV_HOME"
        "$UV_HOME/bin/python" -m pip install -q --disable-pip-version-check --no-input "uv==$UV_VERSION" \
            </dev/null >&2 || fail "uv could not be installed from PyPI"
    fi
    echo '*' >"$UV_HOME/.gitignore"
}

python=$(find_python) || fail "Python 3.11 or newer is needed: install the Debian package python3"
uv=$(find_uv) || { install_uv && uv=$(find_uv); } || fail "uv was installed but does not run"
if [ -x .venv/bin/python ]; then
    "$uv" sync --locked --quiet </dev/null || fail "the locked environment could not be made"
else
    say "making the locked environment in .venv (once)"
    "$uv" sync --locked --python "$python" </dev/null || fail "the locked environment could not be made"
fi

case ${1:-} in
page | tests) .venv/bin/python -m deploy.page </dev/null || say "the platform runs without its page" ;;
esac

if [ "${1:-}" = tests ]; then
    .venv/bin/python -m deploy.jars </dev/null || exit 1
    .venv/bin/python -m deploy.servers </dev/null ||
        say "what is missing skips the tests that need it (with CI=true they fail)"
    if ! command -v docker-compose >/dev/null 2>&1 && ! docker compose version >/dev/null 2>&1; then
        apt_install docker-compose ||
            say "docker-compose is missing: the test of docker-compose.yml skips (Debian package docker-compose)"
    fi
fi
