"""What no sentence for people may have, in any accord, and what none may have in a closing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_ID = r"(?<![\w./@:-])"

_NOT_A_PLURAL = r"(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec|of|ms|address|this|was|is)\b"
_NOUN = (
    "(?:accord|act|byte|character|check|condition|day|delegate|difference|document|entry|file|guard|hour|key|language"
    "|minute|party|step|verifier|version|witness)"
)

EVERYWHERE: dict[str, re.Pattern[str]] = {
    "a broken plural": re.compile(
        rf"(?<![\w.,:/-])1 (?!{_NOT_A_PLURAL})[a-z]+s\b"
        rf"|(?<![\w.,:/-])(?:0|[2-9]|[1-9][\d,]+) {_NOUN}\b(?! (?:limit|number))"
    ),
    "a word twice": re.compile(r"\b(?!that\b|had\b)([A-Za-z]{2,}) \1\b"),
    "illustrative twice": re.compile(r"illustrative[^a-z]{1,4}illustrative", re.I),
    "an empty ending": re.compile(
        r"(?:\b(?:are|by|of|from|for|until|and|or|with|let|the)|[:;,–—(]) ?[.;]?$"
        r"|: ?[.;]|\(\)|, ?[,.]|“”|(?<!\.)\.\.(?!\.)| [,.;:](?: |$)|\b(?:by|of|from) [;,.]"
    ),
    "nothing as a value": re.compile(
        r"\bNone\b(?! (?:has|is|was)\b)|\bnull\b|\bTrue\b|\bFalse\b|\bundefined\b|…(?= for\b)"
    ),
    "Python": re.compile(
        r"\bdatetime\b|<[A-Za-z_.]+ object|\bpydantic\b|Traceback|\b(?:Value|Type|Key|Validation)Error\b|Value error"
        r"|Extra inputs|Input should|\bdict\b|\bNoneType\b|\{[a-z~ ]+\}|\[\]|\{\}|StrEnum|^\('|'\)$"
    ),
    "a name of the model": re.compile(_ID + r"[a-z]+(?:_[a-z]+)+(?![\w@./-])"),
    "the grammar of guards": re.compile(
        r"\bis evidence submitted\b|\bis advance done\b|\bis returned,|\bmay not condition changed\b|\b[Mm]end\b"
        r"|\b[A-Z]{2}(?:, [A-Z]{2})+ (?:consents|concurs|initials|certifies|approves|waives|submits)\b"
    ),
    "a or an": re.compile(
        r"(?<![\w.-])[Aa] (?!one\b)(?:[aeio][a-z]+|u(?:n(?!i)|p|r|m)[a-z]*)\b"
        r"|(?<![\w.-])[Aa]n (?![aeiouAEIOUhFLMNRSX8])\w+"
    ),
}
"""What is wrong, and how it shows."""

IN_A_CLOSING: dict[str, re.Pattern[str]] = {
    "words of diplomacy": re.compile(
        _ID + r"(?:visits?|invitations?|delegations?|guests?|hosts?|understandings?|accords?)\b(?![\w.-])",
        re.I,
    ),
}
"""The words of the other vocabulary."""


def wrong(sentence: str, vocabulary: str = "diplomatic") -> Iterator[str]:
    """What is wrong with a sentence, in words."""
    rules = {**EVERYWHERE, **(IN_A_CLOSING if vocabulary == "closing" else {})}
    for what, pattern in rules.items():
        match = pattern.search(sentence)
        if match is not None:
            yield f"{what} ({match[0]!r}): {sentence}"


def judged(sentences: Iterable[str], vocabulary: str) -> list[str]:
    """What is wrong with any of the sentences."""
    return [problem for one in dict.fromkeys(sentences) if one for problem in wrong(one, vocabulary)]
