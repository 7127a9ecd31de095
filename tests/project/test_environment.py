"""The locked environment: what stands in it does not follow from the order in which it was made."""

from collections import defaultdict
from importlib.metadata import distributions


def test_no_file_is_brought_by_two_packages() -> None:
    """Of two the one that is unpacked last would count, and that differs between machines."""
    brought = defaultdict(set)
    for each in distributions():
        name = each.name
        for line in (each.read_text("RECORD") or "").splitlines():
            file = line.partition(",")[0]
            if ".dist-info/" not in file and not file.startswith(".."):
                brought[file].add(name)

    assert len(brought) > 1000
    assert {file: names for file, names in brought.items() if len(names) > 1} == {}
