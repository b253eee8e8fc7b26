"""What is wrong with a field, as a person would say it, from what pydantic says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from workflows.model.definition import Inconsistent


def in_words(error: Mapping[str, Any]) -> str:
    """One of a ``ValidationError``'s errors in plain words; what goes wrong seldom, nearly as pydantic says it."""
    limits = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "it is missing"
        case "extra_forbidden":
            return "there is no such field"
        case "string_pattern_mismatch" if limits["pattern"].startswith("^sha256:"):
            return "it is no digest: that is sha256: and 64 hexadecimal digits"
        case "string_pattern_mismatch":
            return f"it is not of the form {limits['pattern']}"
        case "string_too_long":
            return f"it is longer than {limits['max_length']} characters"
        case "string_too_short" | "too_short" if limits["min_length"] == 1:
            return "it is empty"
    said = str(error["msg"]).removeprefix("Value error, ")
    return said.replace("Input should be", "it should be", 1)


def wrong_fields(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Each field by its dotted name, and what is wrong with it; parts that do not fit together are told one by one."""
    for item in error.errors(include_url=False, include_input=False):
        place = [str(part) for part in item["loc"] if part != "[key]"]
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, Inconsistent):
            for problem in cause.problems:
                field, _, said = problem.partition(": ")
                yield ".".join([*place, field]), said
        else:
            yield ".".join(place), in_words(dict(item))
