"""The scenarios that ship with Entente, and the plays of each: the whole way, and other paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import worker.demo.scenarios
from worker.demo.lines import ScenarioProblem
from worker.demo.play import Play, read_play

FOLDER = Path(worker.demo.scenarios.__file__).parent
DEFAULT = "state-visit"


@dataclass(frozen=True, slots=True)
class Entry:
    """A play in the catalog. ``name`` is ``state-visit``, or for another path ``state-visit/one-comma``."""

    name: str
    file: Path

    @property
    def whole(self) -> bool:
        """Whether it is a scenario's whole way, and not another path."""
        return "/" not in self.name

    def read(self) -> Play:
        """The play.

        Raises:
            ScenarioProblem: its file cannot be used.
        """
        return read_play(self.file, self.name)


def entries(folder: Path = FOLDER) -> Iterator[Entry]:
    """Every play: of each scenario the whole way first."""
    scenarios = [one for one in folder.iterdir() if (one / "play.yaml").exists()]
    for scenario in sorted(scenarios, key=lambda one: (one.name != DEFAULT.replace("-", "_"), one.name)):
        name = scenario.name.replace("_", "-")
        yield Entry(name, scenario / "play.yaml")
        for path in sorted((scenario / "paths").glob("*.yaml")):
            yield Entry(f"{name}/{path.stem.replace('_', '-')}", path)


def entry(name: str) -> Entry:
    """The play of that name.

    Raises:
        ScenarioProblem: there is none; names those there are.
    """
    found = {one.name: one for one in entries()}
    if name not in found:
        raise ScenarioProblem(
            f"There is no scenario {name!r}.", f"Name one of {', '.join(found)}; see entente demo --list."
        )
    return found[name]
