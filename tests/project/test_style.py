"""The style that can be counted: lengths, names, docstrings, imports, and what no committed file may say."""

import ast
import re

import pytest
from tree import PRODUCT, files, modules, read

LINES_MAX = 300
LONG = {
    "schemas/events.py",  # generated
    "schemas/kernels.py",  # what is compiled stands in one file
    "connectors/ingest.py",
    "connectors/kafka.py",
    "domain/definitions.py",
    "domain/replay.py",
    "runtime/cli.py",  # every command's options
}
NAMELESS = {"utils", "util", "helpers", "common", "base", "manager", "service", "enhanced"}
"""Words that name no noun of the glossary."""
SENTENCE_WORDS_MIN = 3
BINARY = (".gz", ".zst", ".parquet", ".avro", ".png")
HOSTS = re.compile(
    r"\b(?:{})\b".format(
        "|".join(
            (
                r"py" r"pi\.org",
                r"python" r"hosted\.org",
                r"(?:repo\d*\.|central\.)?maven\.(?:apache\.)?org",
                r"maven\.apache" r"\.org/m2",
                r"npm" r"js\.(?:org|com)",
                r"gh" r"cr\.io",
                r"qu" r"ay\.io",
                r"docker" r"\.io",
            )
        )
    )
)
PLACES = re.compile(r"(?<![\w.{}\-/])/(?:wo" r"rk|ro" r"ot|t" r"mp)/")


@pytest.mark.parametrize("path", modules())
def test_a_module_opens_with_one_sentence_and_imports_whole_names_only(path: str) -> None:
    tree = ast.parse(read(path))
    if path.endswith("__init__.py"):
        assert not tree.body, "an __init__.py is empty"
        return
    opening = (ast.get_docstring(tree) or "").split("\n\n")[0]
    assert opening, "no docstring"
    assert opening.endswith((".", ":")), f"the docstring opens with {opening!r}, which is no sentence"
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not [node.lineno for node in imports if node.level], "a relative import"
    assert not [node.lineno for node in imports if any(each.name == "*" for each in node.names)], "a star import"


def test_no_product_module_is_longer_than_300_lines_but_those_that_are_named() -> None:
    long = {path for path in modules(*PRODUCT) if len(read(path).splitlines()) > LINES_MAX}
    assert long <= LONG


def test_a_module_is_named_by_a_noun_of_the_glossary() -> None:
    parts = {path: set(re.split(r"[/_.]", path.removesuffix(".py"))) for path in modules(*PRODUCT)}
    assert not {path for path, words in parts.items() if words & NAMELESS}


def test_the_name_of_a_test_is_a_sentence() -> None:
    short = [
        f"{path}: {node.name}"
        for path in modules("tests")
        for node in ast.walk(ast.parse(read(path)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        if len(node.name.split("_")) <= SENTENCE_WORDS_MIN  # `test` is one more
    ]
    assert not short


@pytest.mark.parametrize("path", [each for each in files() if not each.endswith(("uv.lock", *BINARY))])
def test_a_file_names_no_package_host_and_no_place_of_one_machine(path: str) -> None:
    text = read(path)
    assert not HOSTS.findall(text)
    if not path.startswith("tests/"):
        assert not PLACES.findall(text)
