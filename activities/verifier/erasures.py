"""Erasures: particulars that are gone are gone by an entry that says so, and what it says is gone is not there."""

from __future__ import annotations

from array import array

from activities.verifier.findings import Finding
from activities.verifier.groups import Told
from workflows.record.erasure import ParticularsErased


class Erasures:
    """Holds what is missing from a bundle against what the record says was erased."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding
        self._missing = array("Q")
        # One byte for each entry: whether its particulars are in the bundle.
        self._there = bytearray()
        self._said: set[int] = set()
        self._whole = True

    def take(self, position: int, told: Told | None) -> None:
        """Take in the next entry; none where it is withheld."""
        self._there.append(told is not None and told.particulars is not None)
        if told is None or told.facts is None:
            self._whole = False
            return
        if told.erased:
            self._missing.append(position)
        if told.entry.type == ParticularsErased.type:
            try:
                self._said.update(ParticularsErased.model_validate(told.facts["event"]).positions)
            except (KeyError, ValueError, TypeError):
                # That it does not read is a finding of the fold.
                self._whole = False

    def finish(self) -> None:
        """The record is read: what is missing, and nobody said so; what was said to be erased, and is there."""
        for position in sorted(self._said):
            if position < len(self._there) and self._there[position]:
                self._finding.note(
                    "particulars are on record as erased, and are still there: erasing is not finished"
                )
        missing = set(self._missing)
        for position in sorted(missing - self._said):
            if self._whole:
                self._finding.fail(
                    f"entry {position}: its particulars are missing, and no entry says that they were erased"
                )
            else:
                self._finding.lack("entries that may say what was erased are withheld")
