"""What is committed of the page: its lock file names no host, and what it knows of the contract is the contract."""

import json
import re

from tree import ROOT, read

from deploy import page_contract


def test_the_lock_file_names_no_host_to_fetch_from_and_the_digest_of_every_package() -> None:
    packages = json.loads(read("dashboard/package-lock.json"))["packages"]
    fetched = {name: each for name, each in packages.items() if name and not each.get("inBundle")}
    assert not [name for name, each in fetched.items() if "resolved" in each]
    assert not [name for name, each in fetched.items() if not each["integrity"].startswith("sha512-")]
    assert "omit-lockfile-registry-resolved=true" in read("dashboard/.npmrc")


def test_every_version_of_a_package_is_exact() -> None:
    said = json.loads(read("dashboard/package.json"))
    versions = [*said["dependencies"].values(), *said["devDependencies"].values()]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", each) for each in versions)


def test_what_the_page_knows_of_the_contract_is_the_contract() -> None:
    made = page_contract.text(page_contract.document())
    assert made == read("dashboard/src/api/contract.ts"), "run: python -m deploy.page_contract"


def test_the_page_has_no_script_and_no_style_in_its_markup() -> None:
    for path in [ROOT / "dashboard/index.html", *(ROOT / "gateway/page").glob("*.html")]:
        text = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text), path
