"""What a paper is made of: blocks, as data that ``paper.typ`` lays out. No text is ever read as markup.

A piece is a text, or one of: fixed width (digests), words of the record in English (``quoted``), several lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Piece = str | dict[str, Any]
Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper: its title, and what stands on it."""

    title: str
    blocks: tuple[Block, ...]


def mono(text: str) -> Piece:
    """A digest, an id or a line of a file, in letters of one width."""
    return {"mono": text}


def strong(text: str) -> Piece:
    """Words that stand out."""
    return {"strong": text}


def quoted(text: str) -> Piece:
    """Words of the record itself, which are English whatever the paper's language."""
    return {"quoted": text}


def lines(*pieces: Piece) -> Piece:
    """Pieces below one another; empty ones are left out."""
    return {"parts": [one for one in pieces if one]}


def heading(text: str, level: int = 2) -> Block:
    """A heading; a paper's title is level 1."""
    return {"kind": "heading", "text": text, "level": level}


def para(*pieces: Piece, style: str = "normal") -> Block:
    """A paragraph: ``normal``, ``small``, ``center``, or ``large`` for the text of an instrument."""
    return {"kind": "para", "text": list(pieces), "style": style}


def note(*pieces: Piece) -> Block:
    """What must not be overlooked."""
    return {"kind": "note", "text": lines(*pieces)}


def facts(rows: Iterable[tuple[Piece, Piece]]) -> Block:
    """Names and values, two columns."""
    return {"kind": "facts", "rows": [list(row) for row in rows]}


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[Piece]],
    widths: Sequence[str | int],
    flagged: Iterable[int] = (),
) -> Block:
    """A table whose head is repeated on each page; ``widths`` are ``auto`` or shares; ``flagged`` rows are shaded."""
    shaded = set(flagged)
    return {
        "kind": "table",
        "head": list(head),
        "widths": list(widths),
        "rows": [{"cells": list(row), "flag": index in shaded} for index, row in enumerate(rows)],
    }


def signs(names: Iterable[Piece]) -> Block:
    """Lines to sign on, two beside each other."""
    return {"kind": "sign", "lines": list(names)}


def seal(word: str, names: Iterable[Piece]) -> Block:
    """A place for a seal, and lines beside it."""
    return {"kind": "seal", "seal": word, "lines": list(names)}


def code(svg: str, alt: str, beside: Iterable[Piece]) -> Block:
    """A QR code with what it says beside it in words."""
    return {"kind": "code", "svg": svg, "alt": alt, "lines": list(beside)}


def bullets(items: Iterable[Piece]) -> Block:
    """A list."""
    return {"kind": "list", "items": list(items)}


def steps(items: Iterable[Piece]) -> Block:
    """A numbered list."""
    return {"kind": "steps", "items": list(items)}


def together(*blocks: Block) -> Block:
    """Blocks that stay on one page."""
    return {"kind": "together", "blocks": list(blocks)}


NEW_PAGE: Block = {"kind": "break"}
"""What follows begins on a new page."""
