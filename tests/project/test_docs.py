"""Every block of code in the documents is run: shell and Python on a real platform, YAML by the real loaders.

A block that cannot be run stands behind a comment `<!-- not run: why -->`; all of them are counted.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from tree import ROOT, modules, read

from connectors.sources import parse_source
from domain.definitions import canonical, parse
from runtime.deployment import MARKS

DOCUMENTS = ["README.md", "ARCHITECTURE.md"]
PAGES = ("ingest", "gateway", "identity", "single-sign-on", "limits", "security", "read-models", "log", "live")
PAGES += ("routing", "money", "privacy", "models-reached", "workflows", "command-line", "events", "operations")
DOCUMENTS += [f"docs/{name}.md" for name in PAGES]
DOCUMENTS += sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs" / "decisions").glob("*.md"))
NOT_RUN_MAX = 8
BLOCK = re.compile(r"(<!-- not run: [^\n]+ -->\n+)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


class Block(NamedTuple):
    """One block of a document."""

    document: str
    line: int
    language: str
    text: str
    skipped: bool

    @property
    def name(self) -> str:
        return f"{self.document}:{self.line}"


def blocks() -> list[Block]:
    """Returns all blocks, the documents in the order in which a reader meets them."""
    found = []
    for document in DOCUMENTS:
        text = read(document)
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start(2)) + 1
            found.append(Block(document, line, match[2], match[3], match[1] is not None))
    return found


def of(*languages: str) -> list[Block]:
    return [each for each in blocks() if each.language in languages and not each.skipped]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the examples in it, whose data directory holds a running platform."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "examples").symlink_to(ROOT / "examples")
    run(folder, "auterity up --detach\n")
    yield folder
    run(folder, "auterity down\n")


def run(folder: Path, script: str, *argv: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AUTERITY_")}
    environ |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}",
        "AUTERITY_DATA_DIR": str(folder / "data"),
        "PYTHONPATH": str(ROOT),
    }
    command = argv or ("sh", "-eu")
    done = subprocess.run(
        command, input=script, cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert not done.returncode, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("block", of("sh", "python"), ids=lambda each: each.name)
def test_a_block_of_commands_runs_to_its_end(block: Block, place: Path) -> None:
    argv = (sys.executable, "-") if block.language == "python" else ()
    run(place, block.text, *argv)


@pytest.mark.parametrize("block", of("yaml"), ids=lambda each: each.name)
def test_a_block_of_yaml_is_taken_by_the_loader_of_its_kind(block: Block) -> None:
    body = yaml.safe_load(block.text)
    kind = next((kind for mark, kind in MARKS.items() if mark in body), None)
    if kind is None:
        parse_source(block.name, block.text)
    else:
        parse(kind, canonical(body))


def test_no_block_is_of_a_kind_that_nobody_checks() -> None:
    unchecked = [each.name for each in blocks() if each.language not in ("sh", "python", "yaml", "text")]
    assert not unchecked


def test_few_blocks_are_not_run() -> None:
    assert len([each for each in blocks() if each.skipped]) <= NOT_RUN_MAX


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md"])
def test_every_link_of_a_document_leads_to_a_file(document: str) -> None:
    folder = (ROOT / document).parent
    assert not [target for target in LINK.findall(read(document)) if not (folder / target).exists()]


def test_every_document_is_read_by_these_tests() -> None:
    written = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")}
    assert written <= set(DOCUMENTS)


def test_every_test_that_a_document_names_exists() -> None:
    named = {name for document in DOCUMENTS for name in re.findall(r"`(test_\w+)`", read(document))}
    written = {name for path in modules("tests") for name in re.findall(r"def (test_\w+)", read(path))}
    assert named
    assert named <= written
