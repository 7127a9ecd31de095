"""What `auterity status` knows of the stages without loading them."""

from agents.relaycore import RelayCore
from runtime.status import STAGES
from streams.stages import DECIDERS


def test_status_knows_what_every_stage_reads() -> None:
    read = {each.name: tuple(each.inputs) for each in DECIDERS} | {RelayCore.name: tuple(RelayCore.topics)}
    assert {name: topics for name, topics in STAGES.items() if name not in ("clickhouse", "read-models")} == read
