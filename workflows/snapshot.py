"""The state in transit: compressed JSON, small enough for one payload also of a large accord."""

from __future__ import annotations

import base64
import zlib

from pydantic import Field

from workflows.model.commands import Message
from workflows.model.definition import FOLDING
from workflows.model.state import STATE, Accord

LARGEST = 256 * 1024 * 1024
"""Bytes of JSON that a snapshot may hold once it is unpacked."""


class Snapshot(Message):
    """An accord's state as of ``size`` entries; empty ``data`` when the ledger has no such accord yet."""

    size: int = 0
    data: str = Field(default="", description="base64 of the zlib-compressed JSON of the state")


def pack(a: Accord | None) -> Snapshot:
    """The snapshot of a state."""
    if a is None:
        return Snapshot()
    return Snapshot(size=a.size, data=base64.b64encode(zlib.compress(STATE.dump_json(a), 6)).decode())


def unpack(snapshot: Snapshot) -> Accord | None:
    """The state in a snapshot; equal to the one that was packed.

    Raises:
        ValueError: the data is not a snapshot's, or unpacks to more than ``LARGEST`` bytes.
    """
    if not snapshot.data:
        return None
    engine = zlib.decompressobj()
    content = engine.decompress(base64.b64decode(snapshot.data, validate=True), LARGEST)
    if engine.unconsumed_tail:
        raise ValueError(f"the snapshot unpacks to more than {LARGEST} bytes")
    return STATE.validate_json(content, context=FOLDING)
