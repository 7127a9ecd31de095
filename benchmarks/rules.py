"""The rules of the decision workload, from examples/, as the one definition that is known."""

from pathlib import Path

import yaml

from benchmarks.sample import BEGINNING
from domain.definitions import Definitions, define
from domain.identity import PLATFORM
from schemas.events import Definition

FILE = Path(__file__).parents[1] / "examples" / "rules" / "dealership-rules.yaml"


def definition() -> Definition:
    """Returns the first version of the dealership's rules; its digest is that of the shipped ones."""
    made = define(PLATFORM, "rules", yaml.safe_load(FILE.read_text()), None, BEGINNING)
    assert made is not None
    return made


def known() -> Definitions:
    """Returns definitions that hold these rules and nothing else."""
    return Definitions([definition()])
