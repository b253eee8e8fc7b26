"""The languages in which people are spoken to, by BCP 47 tags. Read by the command line too, so it needs no library."""

from __future__ import annotations

from collections.abc import Mapping

ENGLISH = "en"

NAMES: Mapping[str, str] = {ENGLISH: "English", "ru": "Русский", "ko": "한국어", "zh": "中文"}
"""What each language calls itself, in the order in which they are offered."""

TONGUES = ("ar", "de", "el", "en", "es", "fr", "ja", "ko", "no", "pt", "ru", "vi", "zh")
"""Languages of texts that have a name in every language; the others stand by their tags."""
