"""One tree of errors: each says what failed and what to do next, and the command line shows both."""

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator

import pytest

import activities
import api
import worker
import workflows
from activities.errors import Malformed, SettingsProblem, Unreachable
from activities.identity.keys import KeyReused
from worker.cli.main import INTERNAL, report
from workflows.errors import EntenteError
from workflows.model.declare import Rejected

# Raised inside pydantic's validators, which take ValueError alone, or a sign from one module to the one that calls it.
_WITHIN = {
    "activities.definitions.structured.RefusedValue",
    "activities.definitions.structured.Unreadable",
    "workflows.model.canonical.NotCanonical",
    "workflows.model.definition.Inconsistent",
    "workflows.model.definition.UnknownRules",
    "api.updates.NoWorkflow",
    "api.updates.NothingDecided",
    "workflows.model.upcasting.UnknownEvent",
}


def _errors() -> Iterator[type[Exception]]:
    for package in (activities, api, worker, workflows):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith("__main__"):
                continue
            for thing in vars(importlib.import_module(module.name)).values():
                if (
                    isinstance(thing, type)
                    and issubclass(thing, Exception)
                    and thing.__module__ == module.name
                ):
                    yield thing


def test_every_error_that_leaves_its_module_is_of_the_one_tree() -> None:
    found = {f"{each.__module__}.{each.__qualname__}": each for each in _errors()}
    assert len(found) > 20
    strays = {
        name
        for name, each in found.items()
        if not issubclass(each, EntenteError) and not each.__name__.startswith("_") and name not in _WITHIN
    }
    assert not strays
    assert found.keys() >= _WITHIN


def test_an_error_reads_as_sentences() -> None:
    assert str(Malformed("a note is empty", "Fetch it again")) == "a note is empty. Fetch it again."
    assert str(Unreachable("It does not answer.", "Start it.")) == "It does not answer. Start it."
    assert (
        str(Unreachable("It ended.", "See why.", "line 1\nline 2")) == "It ended.\nline 1\nline 2\nSee why."
    )
    assert str(Rejected("malformed", "record_statement is malformed")) == "record_statement is malformed."


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsProblem("A setting is missing.", "Set it."), 2),
        (Unreachable("It does not answer.", "Start it."), 3),
        (Malformed("a note is empty", "Fetch it again"), 1),
        (KeyReused(), 1),
        (Rejected("malformed", "it is malformed"), 1),
        (KeyError("x"), INTERNAL),
    ],
)
def test_the_command_shows_diagnosis_and_remedy(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["entente", "--json"])
    assert report(error) == code
    said = json.loads(capsys.readouterr().err)["error"]
    if isinstance(error, EntenteError):
        assert (said["what"], said["remedy"]) == (error.what, error.remedy)
    else:
        assert said["what"].startswith("This is a fault in entente: KeyError")
