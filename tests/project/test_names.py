"""Plain top-level packages are only safe as long as nobody else claims their names."""

from importlib.metadata import distributions

from tree import OURS


def test_no_installed_distribution_claims_a_top_level_name_of_ours() -> None:
    claimed = {
        f"{each.metadata['Name']}: {path}"
        for each in distributions()
        if each.metadata["Name"] != "auterity"
        for path in each.files or []
        if path.parts[0].removesuffix(".py") in OURS
    }
    assert not claimed
