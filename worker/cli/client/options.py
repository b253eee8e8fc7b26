"""What every client command can be told: where the API is, whose key to take, and to print JSON."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from activities.errors import EntenteError, Unreachable

if TYPE_CHECKING:
    from worker.cli.client.calling import Calls

Server = Annotated[
    str | None,
    typer.Option(
        envvar="ENTENTE_SERVER",
        help="The API's address; by default the stack that runs on the state directory, or else 127.0.0.1:8080.",
        show_default=False,
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        envvar="ENTENTE_KEY_FILE",
        help="A file with the key, or with keys by delegate as JSON; without it, the key in ENTENTE_KEY.",
        show_default=False,
    ),
]
Speaker = Annotated[
    str | None,
    typer.Option(
        "--as",
        envvar="ENTENTE_AS",
        help="Whose key to take from a file that holds several.",
        show_default=False,
    ),
]
StateDir = Annotated[
    Path | None,
    typer.Option(help="The directory of a stack that runs here; .entente by default.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

LOOK_UP = 5.0
"""Seconds for which an API that is busy is asked which accord is meant."""


def complete_accord(incomplete: str) -> list[str]:
    """Ids of the caller's accords that begin so, for the shell; none where the API cannot be asked at once."""
    from worker.cli.client.calling import Calls
    from worker.cli.client.config import read_config
    from worker.cli.client.prefixes import candidates
    from worker.cli.client.where import where

    try:
        place = where(
            os.environ.get("ENTENTE_SERVER"),
            Path(os.environ["ENTENTE_KEY_FILE"]) if os.environ.get("ENTENTE_KEY_FILE") else None,
            os.environ.get("ENTENTE_AS"),
            None,
            read_config(),
        )
        with Calls(place, patience=0.0) as calls:
            return candidates(calls, incomplete, 50)
    except EntenteError:
        return []


Accord = Annotated[
    str,
    typer.Argument(
        metavar="ACCORD",
        help="The accord's id, or as much of its beginning as no other has.",
        show_default=False,
        autocompletion=complete_accord,
    ),
]
At = Annotated[
    str | None,
    typer.Option(help="The accord's time to ask for, such as 2027-04-12T10:00:00Z; now by default."),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        "--key-id",
        help="Names this request for good; give the same to send it again. Made anew by default, and shown.",
        show_default=False,
    ),
]
Fields = Annotated[
    str | None,
    typer.Option(
        "--fields",
        help="The act's fields as JSON, or @FILE with YAML or JSON; options come over them.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Place:
    """What the common options say."""

    server: str | None
    key_file: Path | None
    speaker: str | None
    state_dir: Path | None
    as_json: bool

    def calls(self, patience: float | None = None) -> Calls:
        """The API, ready to be called; it is asked again for so many seconds, or for the usual ones.

        Raises:
            SettingsProblem: there is no key, or no usable address.
        """
        from worker.cli.client.calling import Calls
        from worker.cli.client.config import read_config
        from worker.cli.client.where import where

        place = where(self.server, self.key_file, self.speaker, self.state_dir, read_config())
        return Calls(place) if patience is None else Calls(place, patience)

    def whole_id(self, accord: str) -> str:
        """The id of the accord that ``accord`` is, or begins.

        Where the API does not answer, that is for the command to say, which knows under which key to go on.

        Raises:
            Ambiguous: several begin so.
        """
        from worker.cli.client.prefixes import whole_id

        with self.calls(LOOK_UP) as calls:
            try:
                return whole_id(calls, accord)
            except Unreachable:
                return accord


def _common(
    *,
    server: Server = None,
    key_file: KeyFile = None,
    speaker: Speaker = None,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> Place:
    return Place(server, key_file, speaker, state_dir, as_json)


def parameters_of(function: Callable[..., object]) -> list[inspect.Parameter]:
    """A function's parameters, with their annotations as objects."""
    return list(inspect.signature(function, eval_str=True).parameters.values())


def placed(function: Callable[..., None], *, look_up: bool = True) -> Callable[..., None]:
    """A command whose first parameter is a :class:`Place`, with the common options in its stead behind its own.

    It is given the whole id of its ``accord``; without ``look_up`` what was typed.
    """
    common = parameters_of(_common)
    own = parameters_of(function)[1:]

    def run(**given: Any) -> None:
        place = _common(**{one.name: given.pop(one.name) for one in common})
        if look_up and given.get("accord"):
            given["accord"] = place.whole_id(given["accord"])
        function(place, **given)

    return named_function(function.__name__, function.__doc__ or "", [*own, *common], run)


def named_function(
    name: str, text: str, parameters: list[inspect.Parameter], run: Callable[..., None]
) -> Callable[..., None]:
    """A function with the parameters that typer is to see."""

    def command(**given: Any) -> None:
        run(**given)

    command.__name__ = name
    command.__doc__ = text
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def segment(text: str) -> str:
    """A word as a segment of a path."""
    return quote(text, safe="")


def path_of(accord: str) -> str:
    """The API's path of an accord."""
    return f"/v1/accords/{segment(accord)}"
