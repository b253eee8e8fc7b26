"""Entity tags, and what ``If-Match`` and ``If-None-Match`` ask for (RFC 9110, 8.8.3 and 13.1)."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header

from api.problems import FieldError, Problem

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_LIST = re.compile(rf"[ \t]*{_TAG.pattern}(?:[ \t]*,[ \t]*{_TAG.pattern})*[ \t]*")
_VERSION = re.compile(r"v(0|[1-9][0-9]{0,14})", re.ASCII)

LONGEST = 1000
"""Characters that such a header may have."""

_AS_WRITTEN = r'^(\*|(W/)?"[\x21\x23-\x7e]*"(, ?(W/)?"[\x21\x23-\x7e]*")*)$'
"""A header of entity tags, for the documentation; read by ``_LIST``, which takes more blanks."""

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description='The version that the act is meant for, such as "v17". It is part of the act, and judged where '
        "the act is recorded: where the accord has moved on, it is refused (412), and the refusal is on the record. "
        "A weak tag matches nothing.",
        max_length=LONGEST,
        examples=['"v17"'],
        json_schema_extra={"pattern": _AS_WRITTEN},
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description='Such as "v17"; 304 while it is current.',
        max_length=LONGEST,
        examples=['"v17"'],
        json_schema_extra={"pattern": _AS_WRITTEN},
    ),
]


def etag(version: int) -> str:
    """The entity tag of an accord's version."""
    return f'"v{version}"'


def _tags(header: str, name: str) -> list[tuple[bool, str]]:
    """The tags in a header, each with whether it is weak.

    Raises:
        Problem: ``malformed``; the header is no list of entity tags.
    """
    if len(header) > LONGEST or _LIST.fullmatch(header) is None:
        said = f'{header[:60]!r} is no entity tag; they are written with quotation marks, such as "v17"'
        raise Problem("malformed", f"{name}: {said}.", errors=(FieldError(field=name, problem=said),))
    return [(bool(weak), tag) for weak, tag in _TAG.findall(header)]


def unchanged(header: str | None, tag: str) -> bool:
    """Whether an ``If-None-Match`` header names ``tag``; weakly, as it is compared there.

    Raises:
        Problem: ``malformed``; the header is no list of entity tags.
    """
    if header is None:
        return False
    return header.strip() == "*" or tag.strip('"') in [one for _, one in _tags(header, "If-None-Match")]


def required_version(header: str | None) -> int | None:
    """The version that ``If-Match`` requires; none where there is no header, or any will do (``*``).

    Raises:
        Problem: ``malformed`` where it is no entity tag, or names several versions, since an act is recorded with the
            one that it was meant for; ``precondition_failed`` where no tag can match, being weak or none of ours.
    """
    if header is None or header.strip() == "*":
        return None
    strong = [tag for weak, tag in _tags(header, "If-Match") if not weak]
    versions = {int(found[1]) for tag in strong if (found := _VERSION.fullmatch(tag))}
    if not versions:
        raise Problem(
            "precondition_failed",
            f"{header[:80]} names no version of an accord, which looks like {etag(17)}, without W/ before it. Nothing "
            "was recorded. Read the accord again, and send its ETag.",
        )
    if len(versions) > 1:
        said = "an act is meant for one version; name one"
        raise Problem("malformed", f"If-Match: {said}.", errors=(FieldError(field="If-Match", problem=said),))
    return versions.pop()
