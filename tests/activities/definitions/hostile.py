"""Documents that are short to write and long to read: each family as a function of about how many bytes it may have.

The fuzzer in tests/benchmarks/hostile.py sends them to an API; the tests compare what they cost at one length and at
twice that length.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from tests.simulation.small import small


def _dumped(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _members(size: int, item: str) -> str:
    return ",".join(f'"k{number}":{item}' for number in range(max(2, size // (len(item) + 9))))


def _conditions(size: int, depends_on: Callable[[int, int], list[str]]) -> bytes:
    count = max(2, min(1000, size // 400))
    first = small()["conditions"]["C1"]
    conditions = {
        f"C{number}": {**first, "depends_on": depends_on(number, count)} for number in range(1, count + 1)
    }
    return _dumped(small(conditions=conditions))


JSON: dict[str, Callable[[int], bytes]] = {
    "one name twice among thousands": lambda n: f'{{{_members(n, "1")},"k0":1}}'.encode(),
    "names of nothing": lambda n: f"{{{_members(n, '1')}}}".encode(),
    "a name of dots": lambda n: _dumped({"a." * (n // 2): 1}),
    "a list of zeros": lambda n: b'{"a":[' + b"0," * (n // 2) + b"0]}",
    "objects in a list": lambda n: b'{"programme":[' + b"{}," * (n // 3) + b"{}]}",
    "lists of lists": lambda n: b'{"a":[' + (b"[" + b"0," * 900 + b"0],") * (n // 1803 + 1) + b"0]}",
    "conditions without anything": lambda n: f'{{"conditions":{{{_members(n, "{}")}}}}}'.encode(),
    "conditions of many wrong fields": lambda n: _dumped(
        {
            "conditions": {
                f"C{number}": {f"x{field}": 0 for field in range(40)} for number in range(n // 400 + 1)
            }
        }
    ),
    "conditions that all depend on one another": lambda n: _conditions(
        n, lambda number, count: [f"C{(number + step) % count + 1}" for step in range(40)]
    ),
    "a chain of conditions": lambda n: _conditions(
        n, lambda number, count: [f"C{number + 1}"] if number < count else []
    ),
    "conditions that depend on what is not there": lambda n: _conditions(
        n, lambda number, count: [f"X{number}-{step}" for step in range(40)]
    ),
    "verifiers without end": lambda n: _dumped(
        {"conditions": {"C1": {"policy": {"verifiers": ["a.b"] * (n // 6)}}}}
    ),
    "an endless integer": lambda n: b'{"a":' + b"1" * n + b"}",
    "an endless fraction": lambda n: b'{"a":0.' + b"1" * n + b"}",
    "a title of marks": lambda n: json.dumps(
        small(title="a" + "\u0301" * (n // 2)), ensure_ascii=False
    ).encode(),
    "a title of spaces": lambda n: _dumped(small(title=" " * n)),
    "a language of parts": lambda n: _dumped(
        small(
            documents={"D1": {"title": "x", "languages": ["en" + "-ab" * (n // 3)], "seats": {"AA": "a.b"}}}
        )
    ),
    "a delegate of dots": lambda n: _dumped(small(officers={"a" + ".a" * 90: {}})) + b" " * n,
    "a duration of digits": lambda n: _dumped(small(reminders={"before": "P" + "1" * n + "D"})),
    "brackets": lambda n: b"[" * n,
    "braces": lambda n: b'{"a":' * (n // 5),
    "escapes": lambda n: b'{"a":"' + b"\\ud800" * (n // 6) + b'"}',
    "blanks": lambda n: b" " * n + b"{",
}

YAML: dict[str, Callable[[int], bytes]] = {
    "names of nothing": lambda n: "".join(f"k{number}: 1\n" for number in range(n // 9)).encode(),
    "a billion laughs": lambda n: b"a: &a [x, x]\n" + b"b: &b [*a, *a]\n" * (n // 15),
    "keys with question marks": lambda n: b"? a\n" * (n // 4),
    "nested keys": lambda n: b"? " * (n // 2),
    "dashes": lambda n: b"- " * (n // 2),
    "brackets": lambda n: b"a: " + b"[" * n,
    "lists on one line": lambda n: b"a: [" + b"[]," * (n // 3) + b"[]]",
    "lists of lists": lambda n: b"a:\n" + (b"- [" + b"0," * 900 + b"0]\n") * (n // 1803 + 1),
    "colons": lambda n: b"a: " + b":" * n,
    "colons in braces": lambda n: b"a: {" + b"x: ," * (n // 4) + b"}",
    "comments": lambda n: b"a: 1\n" + b"#\n" * (n // 2),
    "empty lines in a text": lambda n: b"a: x\n" + b"\n" * n + b"  y\n",
    "a folded text": lambda n: b"a: >\n" + b"  x\n\n" * (n // 5),
    "words": lambda n: b"a: " + b"x " * (n // 2),
    "escapes": lambda n: b'a: "' + b"\\x41" * (n // 4) + b'"',
    "open quotes": lambda n: b"a: '" + b"''" * (n // 2),
    "exclamation marks": lambda n: b"a: " + b"!" * n,
    "a tag without end": lambda n: b"a: !<" + b"x" * n + b"> 1",
    "percent signs": lambda n: b"%TAG ! tag:x,2000:\n" * (n // 19) + b"---\na: 1\n",
    "documents": lambda n: b"---\na: 1\n" * (n // 9),
    "tabs": lambda n: b"a:\n" + b"\t" * n + b"1",
    "long names above many values": lambda n: (
        b"".join(b" " * depth + b"k" * 190 + b":\n" for depth in range(50))
        + b"".join(b" " * 50 + b"k%d: 1\n" % number for number in range(max(1, (n - 12_000) // 60)))
    ),
}


def mixed(seed: int, size: int) -> bytes:
    """Something made of pieces of hostile documents, always the same for the same seed."""
    choice = random.Random(seed)
    families = [*JSON.values(), *YAML.values()]
    content = b""
    while len(content) < size:
        piece = choice.choice(families)(choice.randrange(16, max(17, size // 2)))
        start = choice.randrange(len(piece))
        content += piece[start : start + choice.randrange(1, 1 + len(piece) - start)]
        content += choice.choice((b"", b"\n", b"{", b"}", b"]", b",", b": ", b'"', b"\n  "))
    return content[:size]
