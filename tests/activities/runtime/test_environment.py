"""What is installed is what is locked, and our packages' plain names belong to nobody else."""

from __future__ import annotations

import importlib
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[3]
LOCK = (ROOT / "requirements.lock").read_text()
PINNED = {
    canonicalize_name(name): Version(version)
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", LOCK, re.MULTILINE)
}


def _wanted() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    return [Requirement(line) for line in [*project["dependencies"], *extras]]


@pytest.mark.parametrize("requirement", _wanted(), ids=lambda requirement: requirement.name)
def test_every_requirement_is_locked_to_a_version_that_it_allows(requirement: Requirement) -> None:
    pinned = PINNED.get(canonicalize_name(requirement.name))
    assert pinned is not None, "run `make lock`"
    assert requirement.specifier.contains(pinned, prereleases=True), "run `make lock`"


def test_everything_locked_has_a_hash_and_nothing_else_is_in_the_lock() -> None:
    for entry in re.split(r"\n(?=\S)", LOCK.strip()):
        first, *hashes = entry.split("\n")
        assert re.fullmatch(r"[a-z0-9._-]+==[^\s;\\]+( ; [^\\:]+)? \\", first), first
        assert hashes, first
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in hashes), first


@pytest.mark.parametrize("name", ["workflows", "activities", "worker", "api"])
def test_our_packages_are_nobody_else_s(name: str) -> None:
    assert set(packages_distributions().get(name, [])) <= {"entente"}
    assert Path(str(importlib.import_module(name).__file__)).is_relative_to(ROOT)
