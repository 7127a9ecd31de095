"""The deciders in the order of the flow; each docstring says what it reads and what it writes."""

from domain.accounts import Accounts
from domain.admissions import Admissions
from domain.compliance import Compliance
from domain.decider import Decider
from domain.steps import Steps
from domain.triggers import Triggers
from domain.workflows import Workflows

DECIDERS: tuple[Decider, ...] = (Triggers(), Workflows(), Compliance(), Steps(), Accounts(), Admissions())
