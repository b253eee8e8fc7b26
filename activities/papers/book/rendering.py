"""The child process that looks into files: what of each can be shown on pages. It imports nothing that reaches outside.

Files come from anybody, so each is looked at under a bound of memory and of processor time, and a file at which this
process ends is not shown. It reads a job as JSON and answers a line of JSON for each file, in their order:
``rich`` (a text), ``images`` (files with pages or a picture), or ``why`` neither.
"""

from __future__ import annotations

import ctypes
import json
import resource
import signal
import struct
import sys
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
import typst

from activities.papers.book.markdown import cut, from_right, marked_down, plain, work

FONTS = Path(__file__).parent.parent / "fonts"
MEMORY = 3 * 1024**3
"""Bytes of address space."""

CHARACTERS = 120_000
"""Characters of a text that are shown."""

PAGES = 40
"""Pages of a PDF that are shown."""

DOTS = 1700
"""Dots of a page's longer side at the most; an A4 page at 144 to an inch has 1684."""

PIXELS = 50_000_000
"""Pixels of a picture."""

ALT = 3000
"""Characters of a page's own text that stand in for it."""

MARKDOWN = 60_000
"""Characters of a text in Markdown that is laid out; a longer one is shown as it is written."""

WORK = 400_000
"""What setting one text may cost, as :func:`activities.papers.book.markdown.work` counts it."""

DOTS_OF_A_PAGE = 2_000_000
"""Dots of a picture that count as one page."""

TEXTS = ("text/plain", "text/csv", "application/json")


@dataclass(frozen=True, slots=True)
class Room:
    """What is left of a book's bounds: pages of PDFs and pictures, and what setting texts may cost."""

    pages: int
    work: int


def show(file: Path, media_type: str, room: Room) -> dict[str, Any]:
    """What of a file can be shown in the room that is left; ``pages`` and ``work`` are what it takes of it."""
    try:
        if media_type in TEXTS or media_type == "text/markdown":
            return _text(file, media_type == "text/markdown", room.work) if room.work > 0 else {"why": "room"}
        if media_type == "application/pdf":
            return _pdf(file, min(room.pages, PAGES)) if room.pages > 0 else {"why": "room"}
        if media_type in ("image/png", "image/jpeg"):
            return _image(file, media_type, room.pages) if room.pages > 0 else {"why": "room"}
    # Who makes a file to break readers chooses the error.
    except Exception as error:
        return {"why": "broken", "said": f"{type(error).__name__}: {error}"[:300]}
    return {"why": "kind"}


def _text(file: Path, is_markdown: bool, left: int) -> dict[str, Any]:
    with file.open("rb") as opened:
        # Four bytes are the most of a character in UTF-8.
        head = opened.read(CHARACTERS * 4 + 4)
        whole = not opened.read(1)
    text = head.decode("utf-8-sig", "strict" if whole else "ignore")
    if not whole and len(text.encode()) < len(head) - 8:
        raise ValueError("no text in UTF-8")
    most = min(WORK, left)
    shown = text[:CHARACTERS]
    laid_out = is_markdown and len(text) <= MARKDOWN
    rich = marked_down(shown) if laid_out else []
    if not laid_out or work(rich) > most:
        # As it is written costs less.
        shown = cut(shown, most)
        rich = plain(shown)
    made: dict[str, Any] = {"rich": rich, "from_right": from_right(shown), "work": work(rich)}
    if whole and len(shown) == len(text):
        return made
    return {**made, "shown": len(shown), "all": len(text) if whole else None}


def _pdf(file: Path, most: int) -> dict[str, Any]:
    document = pypdfium2.PdfDocument(file)
    if document.get_formtype():
        document.init_forms()
    images = []
    for index in range(min(len(document), most)):
        page = document[index]
        width, height = page.get_size()
        longer = max(width, height)
        if not 1 <= min(width, height) <= longer <= 200_000:
            raise ValueError(f"a page of {width:g} by {height:g} points")
        bitmap = page.render(scale=min(2.0, DOTS / longer), rev_byteorder=True)
        image = file.with_name(f"{file.name}-{index + 1}.png")
        image.write_bytes(_png(bitmap))
        images.append({"file": image.name, "text": _text_of(page), "wide": width / height})
        bitmap.close()
        page.close()
    return {"images": images, "shown": len(images), "all": len(document), "pages": len(images)}


def _text_of(page: Any) -> str:
    """The beginning of a page's own text, if it can be read out."""
    textual = page.get_textpage()
    try:
        text = textual.get_text_bounded(errors="ignore")[:ALT]
    except (ValueError, RuntimeError, ctypes.ArgumentError):
        text = ""
    finally:
        textual.close()
    printable = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(printable.encode("utf-8", "ignore").decode().split())


def _png(bitmap: Any) -> bytes:
    """A bitmap of three or four bytes a dot, or one, as PNG (ISO/IEC 15948); in grey where it has no colour."""
    width, height, channels, stride = bitmap.width, bitmap.height, bitmap.n_channels, bitmap.stride
    content = bytes(bitmap.buffer)
    if stride != width * channels:
        starts = range(0, stride * height, stride)
        content = b"".join(content[at : at + width * channels] for at in starts)
    if channels > 1:
        # Taken apart and compared as wholes: a page has two million dots.
        red, green, blue = (content[first::channels] for first in range(3))
        if red == green == blue:
            content, channels = red, 1
        elif channels == 4:
            opaque = bytearray(3 * len(red))
            opaque[0::3], opaque[1::3], opaque[2::3] = red, green, blue
            content, channels = bytes(opaque), 3
    line = width * channels
    rows = b"".join(b"\0" + content[at : at + line] for at in range(0, line * height, line))
    head = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    # Typst packs it anew; this is for the way there.
    packed = zlib.compress(rows, 1)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _image(file: Path, media_type: str, left: int) -> dict[str, Any]:
    content = file.read_bytes()
    width, height = _size(content, media_type)
    if not 0 < width * height <= PIXELS:
        raise ValueError(f"{width} by {height} dots")
    pages = -(-width * height // DOTS_OF_A_PAGE)
    if pages > left:
        return {"why": "room"}
    named = file.with_name(f"{file.name}.{media_type.removeprefix('image/')}")
    named.write_bytes(content)
    trial = file.with_name("trial.typ")
    trial.write_text(
        '#set document(title: "t", date: datetime(year: 2000, month: 1, day: 1))\n'
        '#set text(lang: "en", font: "Noto Sans")\n= t\n'
        f'#image("{named.name}", width: 10mm, alt: "t")'
    )
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)])
    # What it takes here, it takes in the book.
    typst.compile(
        str(trial), root=str(file.parent), font_paths=fonts, pdf_standards=["a-3a", "ua-1"], timestamp=0
    )
    return {
        "images": [{"file": named.name, "text": "", "wide": width / height}],
        "picture": True,
        "pages": pages,
    }


def _size(content: bytes, media_type: str) -> tuple[int, int]:
    """Width and height as the file's head has them, before anything is unpacked."""
    if media_type == "image/png":
        width, height = struct.unpack(">II", content[16:24])
        return width, height
    at = 2
    while at + 9 < len(content):
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        if content[at] != 0xFF:
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + length
    raise ValueError("no size in its head")


def use_own_fonts() -> None:
    """Have fonts that a PDF does not bring along taken from ours alone: a page looks the same on every machine."""
    pdfium.FPDF_DestroyLibrary()
    folder = ctypes.create_string_buffer(str(FONTS).encode())
    # A list that ends with nothing.
    paths = (ctypes.POINTER(ctypes.c_char) * 2)(ctypes.cast(folder, ctypes.POINTER(ctypes.c_char)))
    pdfium.FPDF_InitLibraryWithConfig(
        pdfium.FPDF_LIBRARY_CONFIG(
            version=2,
            m_pUserFontPaths=ctypes.cast(paths, type(pdfium.FPDF_LIBRARY_CONFIG().m_pUserFontPaths)),
            m_pIsolate=None,
            m_v8EmbedderSlot=0,
        )
    )


def main() -> None:
    """Look into the files of a job, one after the other."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    use_own_fonts()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    told = json.loads(sys.stdin.read())
    room = Room(told["pages"], told["work"])
    for one in told["files"]:
        # Nobody handles the signal: the process ends by it, in whose code it may be.
        signal.setitimer(signal.ITIMER_PROF, told["seconds"])
        began = time.process_time()
        answer = show(Path(one["file"]), one["type"], room)
        room = Room(room.pages - answer.get("pages", 0), room.work - answer.get("work", 0))
        sys.stdout.write(json.dumps({**answer, "took": time.process_time() - began}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
