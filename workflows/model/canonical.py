"""Canonical JSON (RFC 8785) for the values that an accord is made of, and digests over it.

Only strings, integers, booleans, null, lists and string-keyed objects occur; floats are refused, since
their canonical form is the one part of RFC 8785 that two implementations easily get wrong.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that RFC 8785 (by I-JSON, RFC 7493) can carry exactly."""


class NotCanonical(ValueError):
    """A value has no canonical JSON form here: a float, too large an integer, a non-ASCII key, a lone surrogate."""


_Where = tuple["_Where", str] | None
"""The way to a value, last step first: it becomes text only where something is wrong."""


def _shown(where: _Where) -> str:
    parts: list[str] = []
    while where is not None:
        where, part = where
        parts.append(part[:80])
    return ("$" + "".join(reversed(parts)))[:400]


def _check(value: Any, where: _Where) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise NotCanonical(
                f"{_shown(where)}: text holds a lone surrogate, which UTF-8 cannot carry"
            ) from None
    elif isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise NotCanonical(f"{_shown(where)}: an integer is beyond ±(2^53 - 1)")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check(item, (where, f"[{index}]"))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise NotCanonical(f"{_shown(where)}: key {str(key)[:60]!r} is not an ASCII string")
            _check(item, (where, f".{key[:80]}"))
    else:
        raise NotCanonical(f"{_shown(where)}: a {type(value).__name__} has no canonical form")


def depth(value: Any) -> int:
    """How deep lists and objects are nested in ``value``: 0 for a plain value."""
    found, level = 0, [value]
    while level := [
        item
        for one in level
        # Most are text, which whether it is a mapping takes longest to tell.
        if type(one) is not str and isinstance(one, Mapping | list | tuple)
        for item in ([None], one.values() if isinstance(one, Mapping) else one)[bool(one)]
    ]:
        found += 1
    return found


def _sound(value: Any) -> bool:
    """Whether :func:`_check` finds nothing wrong, for plain values; without the paths, which take most of its time."""
    kind = type(value)
    if kind is str:
        return str.isascii(value) or _encodes(value)
    if kind is dict:
        # A loop, and texts looked at here: half the time of a generator that calls itself for each member.
        for key, item in value.items():
            if type(key) is not str or not key.isascii():
                return False
            if type(item) is str:
                if not (item.isascii() or _encodes(item)):
                    return False
            elif item is not None and not _sound(item):
                return False
        return True
    if kind is list or kind is tuple:
        return all(map(_sound, value))
    if kind is int:
        return abs(int(value)) <= MAX_SAFE_INTEGER
    return value is None or kind is bool


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _writer() -> Callable[[Any], str]:
    """What writes JSON, made once: ``json.dumps`` makes it anew for each call, which takes longer than to write."""
    compiled = getattr(json.encoder, "c_make_encoder", None)
    if compiled is None:
        return json.JSONEncoder(
            ensure_ascii=False, check_circular=False, separators=(",", ":"), sort_keys=True
        ).encode
    write = compiled(None, None, json.encoder.encode_basestring, None, ":", ",", True, False, False)
    return lambda value: "".join(write(value, 0))


_write = _writer()


def canonical(value: Any) -> bytes:
    """The canonical JSON bytes (RFC 8785) of ``value``.

    Keys are ASCII, so that sorting by code point equals the specification's sorting by UTF-16 code unit.

    Raises:
        NotCanonical: for a float, an integer beyond ±(2^53 - 1), a key that is not an ASCII string, or text
            that UTF-8 cannot carry.
    """
    if not _sound(value):
        _check(value, None)
    return _write(value).encode()


def rewritten(value: Any) -> bytes:
    """As :func:`canonical`, in half the time, for a value that was read from canonical JSON, or made of such."""
    return _write(value).encode()


def _no_number(text: str) -> Any:
    raise NotCanonical(f"{text[:40]} is not an integer")


def _integer(text: str) -> int:
    if len(text) > 17 or abs(number := int(text)) > MAX_SAFE_INTEGER:
        raise NotCanonical("an integer is beyond ±(2^53 - 1)")
    return number


_DECODER = json.JSONDecoder(parse_float=_no_number, parse_int=_integer, parse_constant=_no_number)


def read_canonical(content: bytes) -> Any:
    """The value of canonical JSON.

    Raises:
        NotCanonical: for anything that :func:`canonical` would not have written so.
        RecursionError: where it is nested too deep to be read.
    """
    # Whatever it reads that is not canonical (a member twice, an escape too many, white space) is written otherwise.
    try:
        value = _DECODER.decode(content.decode())
        # Numbers were looked at as they were read, and in ASCII there is nothing else that could be wrong.
        written = rewritten(value) if content.isascii() else canonical(value)
    except NotCanonical:
        raise
    except ValueError as error:
        raise NotCanonical(str(error)) from None
    if written != content:
        raise NotCanonical("it is JSON, but not in its canonical form (RFC 8785)")
    return value


def digest_bytes(content: bytes) -> str:
    """``sha256:`` and the lower-case hexadecimal SHA-256 of ``content``."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def digest_of(value: Any) -> str:
    """The digest of ``value``'s canonical JSON; raises :class:`NotCanonical` as :func:`canonical` does."""
    return digest_bytes(canonical(value))
