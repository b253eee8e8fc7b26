"""Keys as lines, in the form that the transparency-log field writes them (C2SP ``signed-note``): read, never used here.

``<name>+<8 hexadecimal digits>+<base64 of a type and 32 bytes>``, the digits being the start of
SHA-256(name ‖ 0x0A ‖ type ‖ key). The model has no cryptography: that a key fits what it signed is judged elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Annotated

from pydantic import AfterValidator, Field

LOG = 0x01
"""The type of a log's key: plain Ed25519."""

WITNESS = 0x04
"""The type of a witness's key: timestamped Ed25519."""

MAX_KEY = 700
"""Characters that such a line may have."""

_NAME = re.compile(r"[!-*,-~]+", re.ASCII)


def read_key(line: str, kind: int) -> tuple[str, bytes]:
    """Name and public key in a line.

    Raises:
        ValueError: it is not such a line, or of another type.
    """
    name, _, rest = line.partition("+")
    digits, _, encoded = rest.partition("+")
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if len(content) != 33 or base64.b64encode(content).decode() != encoded or _NAME.fullmatch(name) is None:
        raise ValueError(
            f"{line[:60]!r} is no key: a name, 8 hexadecimal digits and base64, joined by plus signs"
        )
    if digits != hashlib.sha256(name.encode() + b"\n" + content).hexdigest()[:8]:
        raise ValueError(
            f"the key of {name[:60]} does not have the id {digits[:8]!r}; copy the whole line again"
        )
    if content[0] != kind:
        raise ValueError(f"the key of {name[:60]} has the type {content[0]}, not {kind}")
    return name, content[1:]


def _log_key(line: str) -> str:
    read_key(line, LOG)
    return line


LogKeyLine = Annotated[
    str,
    Field(
        max_length=MAX_KEY,
        description="a log's public key as a line: name, key id, base64, as `entente policy` prints it",
    ),
    AfterValidator(_log_key),
]
