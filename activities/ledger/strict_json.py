"""Canonical JSON read and written by msgspec: what :mod:`workflows.model.canonical` does, in a fraction of its time.

Reading is strict in one way: what was read is written again, and has to come to the very bytes. So whatever can be
written in two ways (white space, an escape too many, the order of members, a member twice, base64, times) is taken in
one form alone. Where that does not settle it, whoever asked reads it the slower way, which says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

import msgspec

from workflows.model.canonical import MAX_SAFE_INTEGER, NotCanonical, canonical, read_canonical

Natural = Annotated[int, msgspec.Meta(ge=0, le=MAX_SAFE_INTEGER)]
"""An integer of a form, from 0 on."""


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object of the members that a subclass declares, no more and no less: none has a default, or another name."""


F = TypeVar("F", bound=Form)

_LONG: Final = re.compile(rb"[\[:,]-?[0-9]{16}")
"""Where an integer may stand that is too large, or text that looks like one. 2^53 has sixteen digits."""


def _no_number(text: str) -> Any:
    raise NotCanonical(f"{text[:40]} is not an integer")


_decode = msgspec.json.Decoder(float_hook=_no_number).decode
_encode = msgspec.json.Encoder(order="sorted").encode


def read(content: bytes) -> Any:
    """The value of canonical JSON, as :func:`workflows.model.canonical.read_canonical` gives it.

    Raises:
        NotCanonical, RecursionError: as that does, and for the same.
    """
    # Beyond ASCII there could be a name that no canonical form has, and among long numbers one that is too large.
    if content.isascii() and _LONG.search(content) is None:
        try:
            value = _decode(content)
            if _encode(value) == content:
                return value
        except (msgspec.DecodeError, NotCanonical, UnicodeError):
            pass
    return read_canonical(content)


def reader(form: type[F]) -> Callable[[bytes], F | None]:
    """What reads canonical JSON of a form; it gives none for everything else, right or wrong."""
    decode = msgspec.json.Decoder(form).decode

    def read_form(content: bytes) -> F | None:
        try:
            value = decode(content)
            return value if _encode(value) == content else None
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None

    return read_form


def written(value: Any) -> bytes:
    """As ``canonical``, for what the model made of canonical JSON, so that nothing in it has to be refused.

    It is for comparing with bytes that are canonical; to write what others will read is for ``canonical``.
    """
    try:
        return _encode(value)
    except (TypeError, UnicodeError):
        return canonical(value)
