"""The deployment with real servers: a file that Compose takes, and variables that somebody knows."""

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from tree import ROOT, read

from runtime.jars import locked_bundle
from runtime.settings import Settings

KNOWN = {f"AUTERITY_{name.upper()}" for name in Settings.model_fields}
COMPOSE = "docker-compose.yml"


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(read(COMPOSE))["services"]
    return found


def asked() -> set[str]:
    return set(re.findall(r"\$\{(\w+)", read(COMPOSE)))


def example() -> set[str]:
    return set(re.findall(r"^(\w+)=", read("deploy/env.example"), re.MULTILINE))


def test_every_variable_of_ours_in_the_deployment_is_one_that_the_settings_know() -> None:
    named = {name for path in (COMPOSE, "Dockerfile", "deploy/env.example") for name in variables(read(path))}
    assert named
    assert named <= KNOWN


def test_every_variable_that_compose_asks_for_stands_in_the_example() -> None:
    assert asked() == example()


def test_every_variable_of_ours_in_the_documents_is_one_that_the_settings_know() -> None:
    named = {name for path in ("README.md", *DOCUMENTS) for name in variables(read(path))}
    assert named <= KNOWN


def test_the_operations_page_names_every_setting() -> None:
    assert set(variables(read("docs/operations.md"))) >= KNOWN


def test_kafka_and_registry_are_of_the_versions_that_run_embedded() -> None:
    images = {name: each.get("image", "").rpartition(":")[2] for name, each in services().items()}
    assert images["kafka"] == images["connect"] == locked_bundle("kafka").version
    assert images["registry"] == locked_bundle("registry").version


def test_compose_takes_the_file() -> None:
    command = compose()
    if command is None:
        pytest.skip("docker-compose is not installed (Debian package docker-compose)")
    command += ["--file", COMPOSE, "--env-file", "deploy/env.example", "config"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert not done.returncode, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(services())


def test_the_image_is_built_without_the_group_of_embedded_servers() -> None:
    lines = [line for line in read("Dockerfile").splitlines() if "uv sync" in line]
    assert lines
    assert all("--locked" in line and "--no-default-groups" in line for line in lines)


def compose() -> list[str] | None:
    """Returns the command of Compose, of either generation; None when there is none."""
    for command in (["docker-compose"], ["docker", "compose"]):
        if shutil.which(command[0]) is None:
            continue
        if not subprocess.run([*command, "version"], capture_output=True, check=False, timeout=30).returncode:
            return command
    return None


def variables(text: str) -> list[str]:
    return re.findall(r"\bAUTERITY_[A-Z_]*[A-Z]\b", text)


DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
