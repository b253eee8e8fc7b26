"""`entente check`: errors by line and field, warnings, the digest; and what it ends with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from activities.definitions.check import read_definition, read_file, warnings
from activities.definitions.structured import Source, Unreadable, Wrong
from activities.definitions.yaml_reading import read_yaml
from activities.errors import SettingsProblem
from tests.simulation.small import small
from tests.worker.cli.conftest import entente
from worker.cli.main import report
from worker.demo.scenarios import __file__ as scenarios
from workflows.model.definition import Definition

SCENARIOS = sorted(Path(scenarios).parent.glob("*/definition*.yaml"))

WRONG = b"""\
titel: Working visit
vocabulary: diplomtic
parties:
  aa: {name: Party A, capacity: host, contact: aa.contact}
  BB:
    name: Party B
    capacity: gest
conditions:
  C1:
    title: Venue ready
    obligors: [BB]
    gate: visit
    due: tomorrow
    response: two weeks
    policy: {verifiers: [AA], need: x}
"""

INCONSISTENT = b"""\
title: Working visit
parties:
  AA: {name: Party A, capacity: host, contact: aa.contact}
  BB: {name: Party B, capacity: guest, contact: bb.contact}
conditions:
  C1:
    title: Venue ready
    obligors: [BB, CC]
    gate: visit
    depends_on:
      - C1
    policy: {verifiers: [aa.contact]}
"""


def errors(content: bytes) -> list[tuple[int | None, str, str]]:
    with pytest.raises(Unreadable) as caught:
        read_definition(read_yaml(content))
    return [(one.line, one.field, one.problem) for one in caught.value.errors]


def test_errors_name_line_and_field_and_what_to_write() -> None:
    assert errors(WRONG) == [
        (None, "title", "it is missing (what the accord is about; its id is made of it); write it"),
        (2, "vocabulary", "there is no vocabulary 'diplomtic'; choose one of closing, diplomatic"),
        (4, "parties.aa", "'aa' is not a party's short code, such as RU"),
        (7, "parties.BB.capacity", "input should be 'host' or 'guest', and is 'gest'"),
        (5, "parties.BB.contact", "it is missing (a delegate's pseudonymous id); write it"),
        (15, "conditions.C1.policy.verifiers.0", "'AA' is not a delegate's pseudonymous id"),
        (
            15,
            "conditions.C1.policy.need",
            "'x' is not taken here; write a whole number, without quotation marks",
        ),
        (
            13,
            "conditions.C1.due",
            "'tomorrow' is no time with its zone; write one such as 2030-01-01T00:00:00Z",
        ),
        (
            14,
            "conditions.C1.response",
            "'two weeks' is not an ISO 8601 duration, such as P30D, P12M or PT36H",
        ),
        (1, "titel", "there is no such field; did you mean title?"),
    ]


def test_what_does_not_fit_together_is_told_field_by_field() -> None:
    assert errors(INCONSISTENT) == [
        (8, "conditions.C1.obligors", "unknown party CC; known are AA, BB"),
        (10, "conditions.C1.depends_on", "it depends on itself"),
    ]


def test_json_has_lines_too(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps({**small(), "titel": 1}, indent=1))
    source = read_file(file)
    with pytest.raises(Unreadable) as caught:
        read_definition(source)
    (one,) = caught.value.errors
    assert (one.field, one.line) == ("titel", file.read_text().splitlines().index(' "titel": 1') + 1)
    file.write_text("[1]")
    with pytest.raises(Unreadable, match="not a JSON object"):
        read_file(file)


def told(**changes: Any) -> list[tuple[str, str]]:
    definition = Definition.model_validate(small(**changes))
    return [(one.field, one.problem) for one in warnings(definition, Source(small()))]


def condition(**changes: Any) -> dict[str, Any]:
    first = {**small()["conditions"]["C1"], **changes}
    return {"conditions": {"C1": first}}


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        (
            condition(policy={"verifiers": ["aa.contact"]}),
            "conditions.C1.policy.verifiers",
            "nobody can verify it",
        ),
        (
            condition(policy={"verifiers": ["aa.contact", "bb.contact"], "need": 2}),
            "conditions.C1.policy.need",
            "aa.contact do not count",
        ),
        (condition(due="2030-05-02T00:00:00Z"), "conditions.C1.due", "after the window begins"),
        (condition(gate="signing", due="2030-05-04T00:00:00Z"), "conditions.C1.due", "after the window ends"),
        (
            condition(valid_until="2030-04-30T00:00:00Z"),
            "conditions.C1.valid_until",
            "before the window begins",
        ),
        (condition(beneficiaries=[]), "conditions.C1.beneficiaries", "no beneficiary"),
        (
            condition(policy={"verifiers": ["bb.contact"], "on_change": "close"}) | {"officers": {}},
            "conditions.C1.policy.on_change",
            "no officer is a monitor",
        ),
        ({"officers": {}}, "officers", "nobody is registrar"),
        (
            {
                "long_stop": {"at": "2030-05-01T09:00:00Z"},
                **condition(gate="ceremony", due="2030-05-03T00:00:00Z"),
            },
            "conditions.C1.due",
            "after the long stop",
        ),
        (
            {
                "conditions": {
                    "C1": {**small()["conditions"]["C1"], "depends_on": ["C2"]},
                    "C2": {**small()["conditions"]["C1"], "gate": "signing"},
                }
            },
            "conditions.C1.depends_on",
            "later gate (signing)",
        ),
    ],
)
def test_a_warning_for(changes: dict[str, Any], field: str, said: str) -> None:
    assert [one for one in told(**changes) if one[0] == field and said in one[1]], told(**changes)


def test_no_warning_for_what_is_meant() -> None:
    assert told() == []
    office = {"office": "Office", "roles": ["verifier", "registrar"]}
    assert told(**condition(policy={"verifiers": ["somebody"]}), officers={"somebody": office}) == []
    joint = {"verifiers": ["aa.contact"], "joint": True}
    assert told(**condition(policy=joint)) == []


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_our_own_scenarios_pass_without_a_warning(file: Path) -> None:
    source = read_file(file)
    assert warnings(read_definition(source), source) == ()


async def test_the_command_and_its_exit_codes(tmp_path: Path) -> None:
    good, wrong, broken = (tmp_path / name for name in ("good.yaml", "wrong.yaml", "broken.yaml"))
    good.write_text(json.dumps(small(officers={}, vocabulary="closing")))
    wrong.write_bytes(WRONG)
    broken.write_text("title: [")
    definition = Definition.model_validate(small(officers={}, vocabulary="closing"))

    done = await entente("check", str(good))
    assert done.code == 0, done.err
    assert f"Digest to adopt: {definition.digest()}" in done.out
    assert "good.yaml:1: warning: officers: nobody is registrar" in done.out
    assert "offeree" in done.out
    as_json = (await entente("check", str(good), "--json")).json
    assert (as_json["valid"], as_json["digest"]) == (True, definition.digest())
    assert as_json["summary"]["conditions"] == {"visit": ["C1"]}
    assert [one["field"] for one in as_json["warnings"]] == ["officers"]

    done = await entente("check", str(wrong))
    assert done.code == 1
    assert f"{wrong}:7: parties.BB.capacity: " in done.out
    assert "✗ 10 errors" in done.out
    assert len((await entente("check", str(wrong), "--json")).json["errors"]) == 10

    done = await entente("check", str(broken))
    assert (done.code, "is not YAML" in done.err) == (2, True)
    assert (await entente("check", str(tmp_path / "lost.yaml"))).code == 2
    assert (await entente("check")).code == 2
    schema = await entente("check", "--schema")
    assert schema.json["title"] == "Definition of an accord"


def test_an_error_reads_as_a_line() -> None:
    assert str(Wrong("a.b", "is wrong", 3)) == "line 3: a.b: is wrong"
    assert str(Wrong("(whole)", "is wrong")) == "is wrong"


def test_an_error_in_a_pipe_has_no_escape_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(SettingsProblem("It is not there.", "Name another.")) == SettingsProblem.exit_code
    assert capsys.readouterr().err == "Error: It is not there.\nName another.\n"
