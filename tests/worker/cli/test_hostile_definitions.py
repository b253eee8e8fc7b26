"""Whatever stands in a definition file: it is a definition, or there is one clear error; never a traceback."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from activities.definitions.check import read_definition, warnings
from activities.definitions.structured import Source, Unreadable
from activities.definitions.yaml_reading import read_yaml
from tests.simulation.small import small

T = TypeVar("T")

SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2000),
    st.text(max_size=12),
    st.sampled_from(
        ["AA", "CC", "C1", "C9", "D1", "aa.contact", "x y", "2030-05-01T08:00:00Z", "P3D", "visit", "clock"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.just("AA"), inner, max_size=3)
    ),
    max_leaves=6,
)


def outcome(read: Callable[[], T]) -> T | Unreadable:
    try:
        return read()
    except Unreadable as error:
        return error


def places(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [at] if at else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*at, key))
    return found


def put(value: Any, at: tuple[str | int, ...], new: Any) -> None:
    """Replace what stands at a place; what was replaced around it before takes it along."""
    for key in at[:-1]:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(value, dict) or (
        isinstance(value, list) and isinstance(at[-1], int) and at[-1] < len(value)
    ):
        value[at[-1]] = new


WHOLE = small(
    predecessor={"title": "Treaty"},
    programme=[{"at": "2030-05-01T08:00:00Z", "item": "Talks"}],
    long_stop={"at": "2030-09-01T00:00:00Z"},
)


@given(changes=st.lists(st.tuples(st.sampled_from(places(WHOLE)), VALUES), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_whatever_stands_in_it(changes: list[tuple[tuple[str | int, ...], Any]]) -> None:
    value = copy.deepcopy(WHOLE)
    for at, new in changes:
        put(value, at, new)
    source = Source(value)
    found = outcome(lambda: read_definition(source))
    if isinstance(found, Unreadable):
        assert found.code == "malformed"
        assert found.errors
        assert all(one.field and one.problem for one in found.errors)
    else:
        assert read_definition(Source(found.as_facts())).digest() == found.digest()
        assert all(one.problem for one in warnings(found, source))


@given(text=st.text(alphabet="ab: -[]{}&*!|>'\"\n\t#,?0.é\x85", max_size=60) | st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_whatever_is_in_the_file(text: str | bytes) -> None:
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    found = outcome(lambda: read_yaml(content))
    if isinstance(found, Unreadable):
        assert found.code in ("bad_request", "malformed")
        assert found.said
    else:
        assert isinstance(found.value, dict)
        json.dumps(found.value)
