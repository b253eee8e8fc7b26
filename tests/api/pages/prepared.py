"""An accord for the pages in Chromium, with something of everything: texts, evidence, a refusal, an amendment."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.client import Entente, Refused
from api.client.acts import (
    AdoptDefinition,
    AmendDefinition,
    AppointDelegate,
    ProposeText,
    RecordStatement,
    SubmitEvidence,
    VerifyCondition,
)
from worker.demo.catalog import entry
from workflows.model.canonical import digest_bytes
from workflows.model.definition import Definition

NEW = "ru.newcomer"
"""A delegate who holds no key yet, and can be invited by a link."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The accord, and two texts of its document D1."""

    accord: str
    old: str
    new: str

    @property
    def values(self) -> dict[str, str]:
        """What addresses are filled in with."""
        return {"a": self.accord, "old": self.old, "new": self.new}


@dataclass(frozen=True, slots=True)
class Words:
    """What the people of the accord write: lines of the record, and notes of several lines, kept apart from it."""

    line: str = "Treaty Section"
    note: str = "A note,\nof two lines."
    text: str = "# A text\n\nof two paragraphs"


async def prepare(url: str, keys: Mapping[str, str], words: Words | None = None, **changes: Any) -> Prepared:
    """Open it with the state visit's definition, changed, and do what a few delegates do at the beginning."""
    words = words or Words()
    definition = entry("state-visit").read().definition.model_copy(update=changes)
    definition = Definition.model_validate(definition.as_facts())
    async with AsyncExitStack() as opened:
        ru, kp, treaty = [
            await opened.enter_async_context(Entente(url, keys[who]))
            for who in ("ru.protocol", "kp.protocol", "ru.treaty")
        ]
        accord = (await ru.open(definition)).accord
        for party in (ru, kp):
            await party.accord(accord).do(AdoptDefinition(digest=definition.digest()))
        for party, delegate, roles in (
            (ru, "ru.treaty", ("treaty_section", "drafter", "obligor")),
            (ru, NEW, ("protocol",)),
            (kp, "kp.treaty", ("treaty_section",)),
        ):
            await party.accord(accord).do(
                AppointDelegate(delegate=delegate, office=words.line, roles=roles, person=words.note)
            )
        digests = []
        with tempfile.TemporaryDirectory() as folder:
            for text in (words.text, f"{words.text}, and a third.\n"):
                file = Path(folder) / "text.md"
                file.write_text(text)
                await treaty.files.put(accord, file, "text/markdown")
                digests.append(digest_bytes(text.encode()))
                proposal = ProposeText(document="D1", language="ru", digest=digests[-1], note=words.note)
                await treaty.accord(accord).do(proposal)
        evidence = SubmitEvidence(
            condition="C1", digest=digests[0], grade="documented", source=words.line, note=words.note
        )
        await treaty.accord(accord).do(evidence)
        await treaty.accord(accord).do(RecordStatement(digest=digests[0], words=words.note))
        try:
            await treaty.accord(accord).do(VerifyCondition(condition="C1", evidence=(digests[0],)))
        except Refused:
            pass
        else:
            raise AssertionError("who owes a condition does not verify it")
        amended = definition.model_copy(update={"title": f"{definition.title[:200]} (amended)"})
        await ru.accord(accord).do(AmendDefinition(definition=amended.as_facts(), note=words.note))
    return Prepared(accord, *digests)
