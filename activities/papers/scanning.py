"""Reading the codes on a scan of a signed page: the QR code (ISO/IEC 18004) that the page was printed with.

What reads codes, pictures and PDFs is installed by ``pip install entente[scans]``; without it codes are typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from activities.errors import Malformed, SettingsProblem

PREFIX = "entente:signature-page?"
CODES_IN_ONE = 30
"""Codes in one QR code: more of them would be too fine for a copy of a copy."""

MOST_PAGES = 200
"""Pages of a PDF, or pictures of a TIFF file, that are looked at."""

DOTS_PER_INCH = 200
LONGEST_SIDE = 6000
"""Dots of a rendered page's longer side, whatever size a PDF claims."""

MOST_DOTS = 80_000_000
"""Dots of a picture, as Pillow counts them against decompression bombs."""

_FORM = re.compile(
    r"entente:signature-page\?accord=(?P<accord>[A-Za-z0-9._%~-]{1,300})&document=(?P<digest>sha256:[0-9a-f]{64})"
    r"&codes=(?P<codes>[A-Z2-7,-]{24,2400})"
)


@dataclass(frozen=True, slots=True)
class PageLabel:
    """What a page's QR code says: the accord, the document's digest, and the codes of the seats on the page."""

    accord: str
    digest: str
    codes: tuple[str, ...]


def label_texts(accord: str, digest: str, codes: Iterable[str]) -> list[str]:
    """The texts of a page's QR codes: one, or several where the page has many seats."""
    listed = list(codes)
    return [
        f"{PREFIX}accord={quote(accord, safe='')}&document={digest}&codes={','.join(listed[at : at + CODES_IN_ONE])}"
        for at in range(0, len(listed), CODES_IN_ONE)
    ]


def read_label(text: str) -> PageLabel | None:
    """What the text of a QR code says of a signature page; none where it is another's code."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    return PageLabel(unquote(found["accord"]), found["digest"], tuple(found["codes"].split(",")))


def labels_in(file: Path) -> list[PageLabel]:
    """The labels of signature pages on a scan, each once, in the order of its pages.

    Raises:
        SettingsProblem: what reads scans is not installed.
        Malformed: the file is neither a PDF nor a picture that can be read.
        OSError: it cannot be opened.
    """
    try:
        import zxingcpp
    except ImportError:
        raise SettingsProblem(
            "What reads the codes on scans is not installed.",
            "Install it with pip install 'entente[scans]', or give the codes beside the signatures with --code.",
        ) from None
    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    found: dict[PageLabel, None] = {}
    for picture in _pictures(file):
        for attempt in _attempts(picture):
            codes = zxingcpp.read_barcodes(attempt, formats=formats)
            labels = [label for code in codes if (label := read_label(code.text)) is not None]
            found.update(dict.fromkeys(labels))
            if labels:
                break
    return list(found)


def _attempts(picture: Any) -> Iterator[Any]:
    """A picture as it is, then cleaned of specks, then enlarged: what is read at once costs nothing more."""
    from PIL import Image, ImageFilter

    yield picture
    yield picture.filter(ImageFilter.MedianFilter(3))
    if max(picture.size) <= LONGEST_SIDE // 2:
        larger = picture.resize((picture.width * 2, picture.height * 2), Image.Resampling.LANCZOS)
        yield larger
        yield larger.filter(ImageFilter.MedianFilter(5))


def _pictures(file: Path) -> Iterator[Any]:
    with file.open("rb") as opened:
        begins = opened.read(1024)
    yield from _of_pdf(file) if b"%PDF-" in begins else _of_picture(file)


def _of_pdf(file: Path) -> Iterator[Any]:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        raise Malformed(
            f"{file.name} is no PDF that can be read: {error}",
            "Scan the page again, or give the codes with --code",
        ) from None
    try:
        _bounded(file, len(document))
        for page in document:
            longer = max(page.get_size()) or 1.0
            scale = min(DOTS_PER_INCH / 72, LONGEST_SIDE / longer)
            yield page.render(scale=scale, grayscale=True).to_pil()
    finally:
        document.close()


def _of_picture(file: Path) -> Iterator[Any]:
    from PIL import Image, ImageSequence, UnidentifiedImageError

    try:
        with Image.open(file, formats=("PNG", "JPEG", "TIFF")) as picture:
            _bounded(file, getattr(picture, "n_frames", 1))
            for frame in ImageSequence.Iterator(picture):
                # Each picture of a TIFF file has a size of its own.
                if frame.width * frame.height > MOST_DOTS:
                    raise Malformed(
                        f"{file.name} has {frame.width:,} by {frame.height:,} dots; at most {MOST_DOTS:,} are read",
                        "Scan it with some 300 dots per inch",
                    )
                yield frame.convert("L")
    except (UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError, OSError) as error:
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
            raise
        raise Malformed(
            f"{file.name} is neither a PDF nor a PNG, JPEG or TIFF picture that can be read",
            "Scan the page again as one of these, or give the codes with --code",
        ) from None


def _bounded(file: Path, pages: int) -> None:
    if pages > MOST_PAGES:
        raise Malformed(f"{file.name} has {pages:,} pages; {MOST_PAGES} are read at most", "Divide it")
