"""Make the fonts that papers are set in: the scripts of the accords' languages, small enough for a package.

    apt-get download fonts-noto-core fonts-noto-cjk && for each: dpkg-deb -x PACKAGE.deb unpacked
    python -m pip install fonttools
    python deploy/fonts/subset.py unpacked/usr/share/fonts activities/papers/fonts

The same packages and the same fontTools give the same bytes. Beside the fonts, ``coverage.json`` lists what they cover:
a paper looks there before it is set, so that no character is ever shown as an empty box.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont


def block(*ranges: tuple[int, int]) -> set[int]:
    """The characters from the first to the last of each range."""
    return {code for first, last in ranges for code in range(first, last + 1)}


def coded(codec: str) -> set[int]:
    """The ideographs that a national character set has."""
    held = set()
    for code in range(0x4E00, 0xA000):
        try:
            chr(code).encode(codec)
        except UnicodeEncodeError:
            continue
        held.add(code)
    return held


def big5_level_1() -> set[int]:
    """The 5,401 ideographs in daily use of Big5, rows A4 to C6."""
    held = set()
    for row in range(0xA4, 0xC7):
        for cell in (*range(0x40, 0x7F), *range(0xA1, 0xFF)):
            if (row, cell) > (0xC6, 0x7E):
                continue
            code = ord(bytes((row, cell)).decode("big5"))
            if 0x4E00 <= code < 0xA000:
                held.add(code)
    return held


LATIN_GREEK_CYRILLIC = block(
    (0x20, 0x7E), (0xA0, 0x24F), (0x250, 0x2AF), (0x2B0, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x1E00, 0x1EFF),
    (0x1F00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x209F), (0x20A0, 0x20CF), (0x2100, 0x214F), (0x2150, 0x218F),
    (0x2190, 0x2199), (0x2200, 0x22FF), (0x25CA, 0x25CC), (0x2C60, 0x2C7F), (0xA720, 0xA7FF), (0xFB00, 0xFB06),
)  # fmt: skip
ARABIC = block((0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFF))
HANGUL = block((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7A3))
KANA_AND_SIGNS = block(
    (0x2190, 0x2199), (0x21D2, 0x21D4), (0x2460, 0x24FF), (0x2500, 0x257F), (0x25A0, 0x25FF), (0x3000, 0x303F),
    (0x3041, 0x30FF), (0x31F0, 0x31FF), (0x3200, 0x32FF), (0xFF00, 0xFFEF),
)  # fmt: skip
SYMBOLS = block((0x2713, 0x2718))

FACES = (
    ("NotoSans-Regular.ttf", "truetype/noto/NotoSans-Regular.ttf", None, LATIN_GREEK_CYRILLIC),
    ("NotoSans-Bold.ttf", "truetype/noto/NotoSans-Bold.ttf", None, LATIN_GREEK_CYRILLIC),
    ("NotoSansArabic-Regular.ttf", "truetype/noto/NotoSansArabic-Regular.ttf", None, ARABIC),
    ("NotoSansArabic-Bold.ttf", "truetype/noto/NotoSansArabic-Bold.ttf", None, ARABIC),
    ("NotoSansSymbols2-Regular.ttf", "truetype/noto/NotoSansSymbols2-Regular.ttf", None, SYMBOLS),
    (
        "NotoSansCJK-Regular.otf",
        "opentype/noto/NotoSansCJK-Regular.ttc",
        "Noto Sans CJK SC",
        HANGUL | KANA_AND_SIGNS | coded("gb2312") | coded("shift_jis") | coded("euc_kr") | big5_level_1(),
    ),
)
"""The file to make, the file it is made of, the face in it where there are several, and the characters to keep."""


def main(source: Path, target: Path) -> None:
    """Make every face, and write down what they cover together."""
    covered: set[int] = set()
    for name, path, face, wanted in FACES:
        if face is None:
            font = TTFont(source / path, lazy=True, recalcTimestamp=False)
        else:
            faces = TTCollection(source / path, lazy=True).fonts
            font = next(one for one in faces if one["name"].getDebugName(1) == face)
            font.recalcTimestamp = False
        options = Options()
        options.hinting = False
        options.notdef_outline = True
        options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
        # Vertical setting and the forms of single regions stay out: they are half of the weight.
        options.layout_features = [
            "kern", "mark", "mkmk", "ccmp", "liga", "rlig", "calt", "init", "medi", "fina", "isol", "locl",
        ] if face is None else ["kern", "ccmp", "ljmo", "vjmo", "tjmo"]  # fmt: skip
        options.drop_tables += ["VORG", "vmtx", "vhea", "BASE", "DSIG"]
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=wanted)
        subsetter.subset(font)
        font.save(target / name)
        covered |= set(TTFont(target / name, lazy=True).getBestCmap())
        content = (target / name).read_bytes()
        print(f"{name}: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}", flush=True)
    ranges: list[list[int]] = []
    for code in sorted(covered):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    (target / "coverage.json").write_text(json.dumps(ranges, separators=(",", ":")) + "\n")
    print(f"{len(covered):,} characters")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
