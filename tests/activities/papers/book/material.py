"""Files to deposit: honest ones in several scripts, and such as are made to break what reads them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import typst
from pypdf import PdfWriter

from activities.papers.book.deposits import Deposit, Deposits
from activities.papers.book.named import Place, places
from activities.papers.source import Source

FONTS = Path(__file__).parents[4] / "activities" / "papers" / "fonts"

MARKDOWN = """# Соглашение

## Статья 1

Стороны *согласились* о **следующем**: `#panic("x")` и #include "press.py" $x$ @ref.

- первое
- второе
  1. а
  2. б

> Цитата <script>alert(1)</script> [ссылка](javascript:alert(1)) ![](file:///etc/passwd)

#### Глубже

| Поле | Значение |
| --- | --- |
| один | два |

```
#set page(width: 1pt)
  отступ
```
"""
CHINESE = "关于经济合作的协定\n第一条　双方应当合作。\n\n    缩进\n"
ARABIC = "اتفاقية التعاون الاقتصادي\nالمادة الأولى\n\nالمادة الثانية\n"


def pdf(*pages: str) -> bytes:
    """A PDF with a line on each page."""
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)])
    body = "#pagebreak()\n".join(f"#text({page!r})\n".replace("'", '"') for page in pages)
    made = typst.compile(f'#set text(font: "Noto Sans")\n{body}'.encode(), font_paths=fonts, timestamp=0)
    assert isinstance(made, bytes)
    return made


def locked_pdf() -> bytes:
    """One that opens with a password alone."""
    writer = PdfWriter(clone_from=io.BytesIO(pdf("secret")))
    writer.encrypt("password", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def png(width: int, height: int, rows: int | None = None) -> bytes:
    """A picture; with fewer ``rows`` than its head says, it is broken."""
    line = b"\0" + bytes(channel for x in range(width) for channel in (x % 256, 80, 160))
    packed = zlib.compress(line * (height if rows is None else rows), 9)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )


def deposited(
    source: Source, folder: Path, files: Sequence[tuple[bytes, str] | str], room: int = 1 << 26
) -> Deposits:
    """A book's files, for the places that the record has in their order: contents with types, or how one stands."""
    named, contents, here = places(source), {}, 0
    for place, file in zip(dict.fromkeys(one.digest for one in named), files, strict=False):
        if isinstance(file, str):
            contents[place] = Deposit(place, file)
            continue
        here += 1
        content, media_type = file
        written = folder / f"{here:03}"
        written.write_bytes(content)
        contents[place] = Deposit(place, "here", len(content), media_type, written)
    return Deposits(folder, room, tuple(named), contents)


def digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"


__all__ = ["ARABIC", "CHINESE", "MARKDOWN", "Place", "deposited", "digest", "locked_pdf", "pdf", "png"]
