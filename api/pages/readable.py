"""Which contents of an accord a page can offer its visitor to take away."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from activities.files.register import Content
from activities.runtime.mediatypes import TEXTS
from api.access import may_read_content
from api.backend import Backend
from api.pages.visiting import Seen

MOST = 100
"""Contents that are looked up for one page."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digests_in(value: Any) -> list[str]:
    """Every digest in facts, in their order, each once."""
    match value:
        case str():
            return [value] if _DIGEST.fullmatch(value) else []
        case dict():
            parts: Iterable[Any] = value.values()
        case list() | tuple():
            parts = value
        case _:
            return []
    return list(dict.fromkeys(one for part in parts for one in digests_in(part)))


async def readable(parts: Backend, seen: Seen, digests: Iterable[str]) -> dict[str, Content]:
    """Which of the contents are here and for the visitor to read, by digest."""
    if seen.access.cleared:
        return {}
    wanted = list(dict.fromkeys(digests))[:MOST]
    found: dict[str, Content] = {}
    for digest in await parts.register.among(seen.state.id, wanted) if wanted else ():
        content = await parts.register.content(seen.state.id, digest)
        if content is not None and may_read_content(seen.access, seen.state, content):
            found[digest] = content
    return found


def comparable(content: Content | None) -> bool:
    """Whether a redline can be made with a content."""
    return content is not None and content.media_type in TEXTS
