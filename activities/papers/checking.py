"""Whether a paper's receipt is that of a record in a bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from activities.bundle.format import Bundle
from activities.papers.binding import Receipt
from activities.tlog.merkle import Frontier


@dataclass(frozen=True, slots=True)
class Checked:
    """What the bundle's record says of a receipt: ``problem`` is what does not fit, none where all fits."""

    receipt: Receipt
    size: int
    problem: str | None


def check_receipt(bundle: Path, receipt: Receipt) -> Checked:
    """Compare a receipt with the record in a bundle: its leaf, and the Merkle root over as many entries.

    That the bundle is genuine is for ``entente verify`` to say.

    Raises:
        Malformed: the bundle does not read.
        OSError: it cannot be opened.
    """
    frontier, leaf = Frontier(), b""
    with Bundle(bundle) as read:
        accord, size = read.manifest.accord, read.manifest.size
        if accord == receipt.accord:
            for entry in read.entries():
                if frontier.size == receipt.size:
                    break
                leaf = entry.leaf
                frontier, _ = frontier.append(leaf)
    if accord != receipt.accord:
        return Checked(receipt, size, f"the bundle holds {accord}, and the paper is of {receipt.accord}")
    if frontier.size < receipt.size:
        return Checked(
            receipt, size, f"the bundle ends with {size} entries, before the {receipt.size} of the paper"
        )
    if leaf.hex() != receipt.leaf:
        return Checked(
            receipt, size, f"entry {receipt.size - 1} of the record has another leaf hash: {leaf.hex()}"
        )
    if frontier.root().hex() != receipt.root:
        return Checked(
            receipt,
            size,
            f"the record has another Merkle root at {receipt.size} entries: {frontier.root().hex()}",
        )
    return Checked(receipt, size, None)
