"""A redline as a page of its own: no script, nothing from elsewhere, and never told by colour alone.

Texts come from whoever deposited them. All of them is shown as text; characters that turn the direction of what
follows, or that nobody sees, are shown by their code points, since a text could read as another by them.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape

from activities.files.redline import Change, counted

_STYLE = """
:root { color-scheme: light dark; --line: #8886; }
body { font: 17px/1.6 Georgia, "Noto Serif", serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; } dt { font-weight: 600; } dd { margin: 0 0 .4rem; overflow-wrap: anywhere; }
main { white-space: pre-wrap; overflow-wrap: anywhere; border-top: 1px solid var(--line); padding-top: 1rem; }
ins { text-decoration: underline double; background: #2a82; }
del { text-decoration: line-through; background: #c332; }
.unseen { font-family: monospace; font-size: .75em; border: 1px dotted; }
.said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
"""

SECURITY_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
"""The page's Content-Security-Policy: its own style, and nothing else."""

_TURNS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_NOT_SEEN = "\xa0\xad\u034f\u115f\u1160\u180b-\u180f\u2000-\u200d\u2028\u2029\u202f\u205f-\u2064\u206a-\u206f"
_NOT_SEEN += "\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
_MISLEADS = re.compile(f"[{_TURNS}{_CONTROLS}]")
_UNSEEN = re.compile(f"[{_TURNS}{_CONTROLS}{_NOT_SEEN}\r]")


def page(changes: Sequence[Change], old: str, new: str, title: str) -> str:
    """The page; ``old`` and ``new`` are the digests of the two texts."""
    deleted, inserted = counted(changes, "delete"), counted(changes, "insert")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1><dl><dt>Older text</dt><dd>{escape(old)}</dd>"
        f"<dt>Newer text</dt><dd>{escape(new)}</dd>"
        f"<dt>Changed</dt><dd>{deleted:,} characters deleted, {inserted:,} inserted</dd></dl>"
        f'<main dir="auto">{body(changes)}</main></body></html>\n'
    )


def body(changes: Sequence[Change]) -> str:
    """The changes as HTML: ``ins`` and ``del``, each with what it is in words of the class ``said`` for who listens."""
    return "".join(map(_shown, changes))


def _shown(change: Change) -> str:
    if change.op == "equal":
        return _text(change.text, _MISLEADS)
    tag, said = ("del", "deleted") if change.op == "delete" else ("ins", "inserted")
    # What is said aloud stands in words too: screen readers pass over the tags.
    return f'<{tag}><span class="said">[{said}: </span>{_text(change.text, _UNSEEN)}<span class="said">]</span></{tag}>'


def _text(text: str, marked: re.Pattern[str]) -> str:
    return marked.sub(
        lambda found: f'<span class="unseen">U+{ord(found[0]):04X}</span>', escape(text, quote=True)
    )
