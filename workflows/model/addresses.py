"""Addresses of services that the parties name, such as those of witnesses: what is one, by RFC 3986 and the DNS.

Whether such an address may be reached from an installation is its operator's matter, and decided where it is reached.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass

LONGEST = 400
"""Characters of an address."""

_ADDRESS = re.compile(
    r"(https?)://(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]{1,253}))(?::([0-9]{1,5}))?"
    r"((?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*)",
    re.ASCII,
)
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """An address in its parts. ``host`` is a name in ASCII, or an IP address without brackets."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the ``Host`` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def parse_address(text: str) -> Address:
    """The parts of an address.

    Raises:
        ValueError: it is none: another scheme, a user's name in it, a query, a host that no name server could know.
    """
    shown = repr(text[:60])
    match = _ADDRESS.fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        raise ValueError(
            f"{shown} is no address: write https:// and a host in ASCII, without a user's name, query or fragment"
        )
    scheme, literal, name, port, path = match.groups()
    if literal is not None:
        host = _literal(literal, shown)
    else:
        _check_name(name, shown)
        host = name.lower()
    number = int(port) if port else (443 if scheme == "https" else 80)
    if not 1 <= number <= 65535:
        raise ValueError(f"{shown} has the port {number}, which is none")
    return Address(scheme == "https", host, number, path)


def _literal(text: str, shown: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise ValueError(f"{shown} has no IPv6 address between its brackets") from None


def _check_name(name: str, shown: str) -> None:
    labels = name.split(".")
    for label in labels:
        if _LABEL.fullmatch(label) is None:
            raise ValueError(
                f"{shown} has the host {name[:60]!r}, in which {label[:30]!r} is no part of a name"
            )
        if label[:4].lower() == "xn--":
            _check_encoded(label, shown)
        elif label[2:4] == "--":
            raise ValueError(
                f"{shown} has a host with {label[:30]!r}, whose hyphens stand where only xn-- has them"
            )
    if labels[-1].isdigit() or labels[-1][:2].lower() == "0x":
        # Otherwise 127.1, 2130706433 and 0x7f000001 would be other ways to write 127.0.0.1.
        try:
            ipaddress.IPv4Address(name)
        except ValueError:
            raise ValueError(
                f"{shown} has the host {name[:60]!r}, which is neither a name nor an IPv4 address"
            ) from None


def _check_encoded(label: str, shown: str) -> None:
    """Refuse a label in Punycode (RFC 3492) that stands for no word: no client could ask for it."""
    try:
        word = label[4:].lower().encode().decode("punycode")
        back = word.encode("punycode").decode()
    except (UnicodeError, ValueError, OverflowError):
        word, back = "", ""
    letters = all(one == "-" or unicodedata.category(one)[0] in "LMN" for one in word)
    if word.isascii() or back != label[4:].lower() or not letters:
        raise ValueError(f"{shown} has a host with {label[:30]!r}, which encodes no word")
