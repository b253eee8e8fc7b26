"""Reading request bodies: strict JSON and YAML, which say where they are wrong.

How JSON and YAML are read, and what is not taken, is in ``activities/definitions``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from activities.definitions import structured, yaml_reading
from activities.definitions.structured import Source, Unreadable, Wrong
from api.heavy import READING, SMALL
from api.problems import FieldError, Problem
from api.routing import in_time
from workflows.model.declare import malformed

T = TypeVar("T")

LARGEST = 512 * 1024
"""Bytes that a request body may have."""

JSON_TYPES = ("application/json",)
YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")


def field_errors(found: Iterable[Wrong]) -> tuple[FieldError, ...]:
    """What is wrong with fields, as a problem lists it."""
    return tuple(FieldError(field=one.field, problem=one.problem, line=one.line) for one in found)


def _taken(read: Callable[[bytes], T], content: bytes) -> T:
    try:
        return read(content)
    except Unreadable as error:
        raise Problem(
            error.code, f"The body {error.said}", errors=field_errors(error.errors) or None
        ) from None


def read_json(content: bytes) -> Any:
    """The value of strict JSON.

    Raises:
        Problem: ``bad_request`` where it is no JSON, ``malformed`` where it holds what cannot be taken.
    """
    return _taken(structured.read_json, content)


def read_yaml(content: bytes) -> Source:
    """The value of a YAML document whose top is a mapping, with the line of every field.

    Raises:
        Problem: ``bad_request`` where it is no YAML, ``malformed`` where it holds what cannot be taken.
    """
    return _taken(yaml_reading.read_yaml, content)


def media_type(request: Request) -> str:
    """The request's media type in lower case, without parameters; JSON where none is given."""
    given = request.headers.get("content-type", JSON_TYPES[0])
    return given.partition(";")[0].strip().lower()


def may_be_large(request: Request) -> bool:
    """Whether the request's body is long enough to ask who sent it before it is read, or says nothing of its length."""
    length = request.headers.get("content-length", "")
    return not (length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= SMALL)


async def _read(read: Callable[[bytes], T], content: bytes) -> T:
    """What ``read`` makes of a body: at once where it is short, or else in a thread."""
    return read(content) if len(content) <= SMALL else await READING.run(read, content)


async def content_of(request: Request) -> bytes:
    """The bytes of a request's body; it stops reading once they are too many.

    Raises:
        Problem: ``too_large``, or ``request_timeout`` where it comes too slowly.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 9 or int(declared) > LARGEST):
        raise _too_large()
    return await in_time(request, all_of(request))


async def all_of(request: Request) -> bytes:
    """The same, however slowly it comes: for who has a time of its own for it.

    Raises:
        Problem: ``too_large``.
    """
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > LARGEST:
            raise _too_large()
    return bytes(content)


def _too_large() -> Problem:
    return Problem("too_large", f"The body is larger than {LARGEST:,} bytes. Send content as digests.")


async def json_body(request: Request) -> Source:
    """The JSON object in a request's body; an empty body is an empty object.

    Raises:
        Problem: another content type, no JSON, or not an object.
    """
    content = await content_of(request)
    if not content:
        return Source({})
    if media_type(request) not in JSON_TYPES:
        raise Problem(
            "unsupported_media_type", "The body has to be JSON: send it with Content-Type: application/json."
        )
    value = await _read(read_json, content)
    if not isinstance(value, dict):
        raise Problem("malformed", "The body is not a JSON object of the act's fields.")
    return Source(value)


M = TypeVar("M", bound=BaseModel)


async def model_body(request: Request, model: type[M], what: str) -> M:
    """What a JSON body says, as ``model`` has it; ``what`` it is, for the errors.

    Raises:
        Problem: another content type, no JSON, or ``malformed``, naming the fields.
    """
    body = await json_body(request)
    try:
        return model.model_validate(body.value)
    except ValidationError as error:
        found = malformed(f"{what} is malformed", error)
        raise Problem(
            "malformed", found.message, errors=tuple(FieldError.model_validate(one) for one in found.errors)
        ) from None


async def definition_body(request: Request) -> Source:
    """A definition in JSON or YAML, by the request's content type.

    Raises:
        Problem: another content type, or a body that does not read.
    """
    if media_type(request) in YAML_TYPES:
        return await _read(read_yaml, await content_of(request))
    if media_type(request) not in JSON_TYPES:
        raise Problem(
            "unsupported_media_type",
            "A definition is taken as JSON or YAML: send it with Content-Type: application/json or application/yaml.",
        )
    return await json_body(request)
