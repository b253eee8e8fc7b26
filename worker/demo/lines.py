"""The YAML of plays, with the line at which everything stands, so that an error can say where to look."""

from __future__ import annotations

from pathlib import Path

from activities.definitions import yaml_reading
from activities.definitions.structured import Source, Unreadable
from activities.errors import RuntimeProblem

Where = tuple[str | int, ...]
"""A path of keys and indexes into a document."""


class ScenarioProblem(RuntimeProblem):
    """A scenario's file cannot be used."""

    exit_code = 2


class Lines:
    """Where each part of a YAML document stands, by its path of keys and indexes."""

    def __init__(self, file: Path, source: Source) -> None:
        self.file = file
        self.source = source

    def line(self, path: Where) -> int:
        """The line (counted from 1) of ``path``, or of the nearest thing around it."""
        return self.source.line_of(".".join(str(part) for part in path)) or 1


def read_yaml(file: Path) -> Lines:
    """A YAML file, read as definitions are.

    Raises:
        ScenarioProblem: the file is not there, or is no YAML.
    """
    try:
        return Lines(file, yaml_reading.read_yaml(file.read_bytes()))
    except OSError as error:
        raise ScenarioProblem(f"{file} cannot be read: {error.strerror}.", "See that it is there.") from error
    except Unreadable as error:
        raise ScenarioProblem(f"{file} {error.said}", "Correct it at the place named.") from None
