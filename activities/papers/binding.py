"""What binds a paper to the record: its receipt, in words and as a QR code, and the codes of signature pages."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

import segno

from activities.errors import Malformed
from activities.papers.blocks import Block, code, facts, heading, mono, para, together
from activities.papers.source import Bound, Source
from activities.papers.words import Words

PREFIX = "entente:receipt?"

_FORM = re.compile(
    r"entente:receipt\?accord=(?P<accord>[A-Za-z0-9._%~-]{1,300})&size=(?P<size>[1-9][0-9]{0,15})"
    r"&leaf=(?P<leaf>[0-9a-f]{64})&root=(?P<root>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a paper's receipt says: the accord, the number of entries, the last one's leaf, and the root over all."""

    accord: str
    size: int
    leaf: str
    root: str


def receipt_of(receipt: Receipt) -> str:
    """A receipt as one line of text."""
    accord = quote(receipt.accord, safe="")
    return f"{PREFIX}accord={accord}&size={receipt.size}&leaf={receipt.leaf}&root={receipt.root}"


def receipt_text(bound: Bound) -> str:
    """The receipt of a paper, as it stands in the QR code and among the PDF's keywords."""
    return receipt_of(Receipt(bound.accord, bound.size, bound.leaf, bound.root))


def read_receipt(text: str) -> Receipt:
    """The receipt that a text holds, which may be a whole PDF's.

    Raises:
        Malformed: it holds none, or several: then the one that is checked need not be the one that people see.
    """
    receipts = {found[0]: found for found in _FORM.finditer(text.replace("&amp;", "&"))}
    if len(receipts) > 1:
        raise Malformed(
            f"there are {len(receipts)} receipts in it, and a paper has one",
            "Do not rely on it; ask for the paper anew",
        )
    found = next(iter(receipts.values()), None)
    if found is None:
        raise Malformed(
            "there is no receipt in it",
            "Give the text that begins with entente:receipt?, from the paper's QR code, or the PDF itself",
        )
    return Receipt(unquote(found["accord"]), int(found["size"]), found["leaf"], found["root"])


def qr(text: str) -> str:
    """A QR code (ISO/IEC 18004) as SVG, always the same for a text."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", border=2, xmldecl=False, svgns=True)
    return out.getvalue().decode()


def rests_on(source: Source, w: Words, same: str = "same_bytes") -> Block:
    """The part at the end of every paper: which entries it rests on, and how anybody can check that."""
    return together(heading(w["rests_on"]), *receipt_blocks(source, w, same))


def receipt_blocks(source: Source, w: Words, same: str = "same_bytes") -> tuple[Block, ...]:
    """The same without its heading; ``same`` is the word for when the bytes are the same."""
    bound = source.bound
    return (
        facts(
            [
                (w["accord_id"], mono(bound.accord)),
                (w["last_entry"], w.say("entry_at", position=bound.position, time=w.time(bound.time))),
                (w["leaf"], mono(bound.leaf)),
                (w["root"], mono(bound.root)),
                (w["state_digest"], mono(bound.state)),
                (w["definition_digest"], mono(source.state.definition_digest)),
            ]
        ),
        code(
            qr(receipt_text(bound)),
            w["qr_alt"],
            [
                w["how_to_check"],
                mono(f"entente export {bound.accord} -o record.bundle"),
                mono("entente verify record.bundle"),
                mono("entente paper-check record.bundle PAPER.pdf"),
            ],
        ),
        para(w[same], style="small"),
    )
