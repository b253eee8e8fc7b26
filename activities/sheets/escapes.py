"""Characters of cells that XLSX writes by their codes, such as ``_x000D_`` (ECMA-376-1, 22.9.2.19, ST_Xstring)."""

from __future__ import annotations

import re

_CODE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_BEGINS = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def unescaped(text: str) -> str:
    """A cell's text, as it is meant."""
    return _CODE.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def escaped(text: str) -> str:
    """A text such that no program takes a part of it for a code."""
    return _BEGINS.sub("_x005F_", text)
