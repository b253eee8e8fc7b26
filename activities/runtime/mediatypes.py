"""Media types of contents: which are taken, and whether the first bytes are of the type that was named."""

from __future__ import annotations

import re
from collections.abc import Mapping

_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."

DEFAULT_TYPES = (
    "text/plain",
    "text/markdown",
    "text/csv",
    "application/json",
    "application/pdf",
    "application/zip",
    "application/octet-stream",
    f"{_OFFICE}wordprocessingml.document",
    f"{_OFFICE}spreadsheetml.sheet",
    f"{_OFFICE}presentationml.presentation",
    f"{_OPEN}text",
    f"{_OPEN}spreadsheet",
    "image/png",
    "image/jpeg",
    "image/tiff",
)
"""The types that are taken where the settings name no others."""

TEXTS = ("text/plain", "text/markdown")
"""The types of which a redline can be made."""

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_BEGINS: Mapping[str, tuple[bytes, ...]] = {
    "application/pdf": (b"%PDF-",),
    "application/zip": _ZIP,
    f"{_OFFICE}wordprocessingml.document": _ZIP,
    f"{_OFFICE}spreadsheetml.sheet": _ZIP,
    f"{_OFFICE}presentationml.presentation": _ZIP,
    f"{_OPEN}text": _ZIP,
    f"{_OPEN}spreadsheet": _ZIP,
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/tiff": (b"II*\x00", b"MM\x00*"),
}

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}", re.ASCII)


def is_media_type(text: str) -> bool:
    """Whether it is a media type (RFC 6838) in lower case, without parameters."""
    return _TYPE.fullmatch(text) is not None


def begins_as(media_type: str, head: bytes) -> bool:
    """Whether a content that begins with these bytes can be of this type; unknown types can be anything."""
    marks = _BEGINS.get(media_type)
    return marks is None or head.startswith(marks)
