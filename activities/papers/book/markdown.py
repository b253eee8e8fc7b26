"""Markdown and plain text as data that ``paper.typ`` lays out. Of HTML and addresses nothing works: all is text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

Inline = list[Any]
Rich = list[dict[str, Any]]

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_DEEPEST = 6
_HEADING = 2
"""A file's own heading; those in its text stand below it."""

_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Characters that turn the direction of writing: they can make a text look as it does not read."""

_LONG = re.compile(r"[^\s\u0e00-\u0eff\u1000-\u109f\u2e80-\uffff]{72}")
_SPACES = re.compile(r"^ +")


def plain(text: str) -> Rich:
    """A plain text: its paragraphs, and in each its lines as they are."""
    return [{"p": _lines(one)} for one in re.split(r"\n[ \t]*\n", cleaned(text)) if one.strip()]


def marked_down(text: str) -> Rich:
    """A text in Markdown (CommonMark with tables)."""
    tree = SyntaxTreeNode(_MARKDOWN.parse(cleaned(text)))
    levels = [_HEADING]
    return [block for node in tree.children for block in _block(node, levels)]


def cleaned(text: str) -> str:
    """One kind of line ends, no tabs, no character that turns the direction of writing unseen."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n").expandtabs(4)
    return _TURNING.sub(lambda match: f"[U+{ord(match[0]):04X}]", text)


PIECE = 100
LINE = 20


def work(rich: Any) -> int:
    """What setting a text costs: a character is one, a line ``LINE``, every other piece ``PIECE``."""
    if isinstance(rich, str):
        return len(rich)
    if isinstance(rich, dict):
        return LINE if "br" in rich else PIECE + sum(map(work, rich.values()))
    if isinstance(rich, list):
        # A list in a list is an item, a row or a cell.
        return sum(work(one) + (PIECE if isinstance(one, list) else 0) for one in rich)
    return 0


def cut(text: str, most: int) -> str:
    """The beginning of a plain text that costs no more."""
    left = most
    for index, character in enumerate(text):
        # Two ends of lines make a paragraph.
        left -= PIECE // 2 if character == "\n" else 1
        if left < 0:
            return text[:index]
    return text


def from_right(text: str) -> bool:
    """Whether a text is written from right to left, as its first letters say."""
    for character in text[:10_000]:
        direction = unicodedata.bidirectional(character)
        if direction in ("L", "R", "AL"):
            return direction != "L"
    return False


def _lines(text: str) -> Inline:
    parts: Inline = []
    for line in text.strip("\n").split("\n"):
        if parts:
            parts.append({"br": True})
        parts.append(_breakable(_SPACES.sub(lambda match: "\u00a0" * len(match[0]), line)))
    return parts


def _breakable(text: str) -> str:
    """The text with places to break a line in words that are longer than one."""
    return _LONG.sub(lambda match: match[0] + "\u200b", text)


def _block(node: SyntaxTreeNode, levels: list[int]) -> Iterator[dict[str, Any]]:
    match node.type:
        case "paragraph":
            yield {"p": _inline(node)}
        case "heading":
            # No level is left out, as PDF/UA asks.
            level = min(_HEADING + int(node.tag[1]), levels[0] + 1, _DEEPEST)
            levels[0] = level
            yield {"h": _inline(node), "level": level}
        case "bullet_list" | "ordered_list":
            items = [[block for child in item.children for block in _inner(child)] for item in node.children]
            start = node.attrs.get("start", 1)
            yield {"ul": items} if node.type == "bullet_list" else {"ol": items, "start": int(start)}
        case "blockquote":
            yield {"quote": [block for child in node.children for block in _inner(child)]}
        case "fence" | "code_block":
            yield {"code": _lines(node.content)}
        case "hr":
            yield {"hr": True}
        case "table":
            rows = [
                [_inline(cell) for cell in row.children] for part in node.children for row in part.children
            ]
            yield {"table": rows}
        case _:
            yield {"p": [_breakable(node.content)]}


def _inner(node: SyntaxTreeNode) -> Iterator[dict[str, Any]]:
    """What stands in a list or a quotation: a heading there is no heading of the text."""
    for block in _block(node, [_HEADING]):
        yield {"p": [{"b": block["h"]}]} if "h" in block else block


def _inline(node: SyntaxTreeNode) -> Inline:
    parts: Inline = []
    for child in node.children:
        match child.type:
            case "inline":
                parts += _inline(child)
            case "text":
                parts.append(_breakable(child.content))
            case "softbreak":
                parts.append(" ")
            case "hardbreak":
                parts.append({"br": True})
            case "strong":
                parts.append({"b": _inline(child)})
            case "em":
                parts.append({"i": _inline(child)})
            case "code_inline":
                parts.append({"c": child.content})
            case "link":
                to = _breakable(str(child.attrs.get("href", "")))
                told = _inline(child)
                parts += told if told == [to] else [*told, f" ({to})"]
            case "image":
                to = _breakable(str(child.attrs.get("src", "")))
                parts.append(f"[{child.content}] ({to})")
            case _:
                parts.append(_breakable(child.content))
    return parts
