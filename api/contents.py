"""The contents of accords, as requests ask for them: whose they are, and what keeps them from being given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from activities.bundle.contents import exported_files
from activities.bundle.export import ExportedFile
from activities.files.depositing import Where
from activities.files.errors import ContentAltered, FileRefused, OtherOffset, StoreUnavailable
from activities.files.register import Content
from activities.identity.keys import Identity
from api.access import Access, may_read_content, seen_whole, side_of
from api.backend import Backend
from api.calls import seen
from api.problems import Problem, unavailable
from workflows.model.state import Accord

T = TypeVar("T")

MOST_ACCORDS = 20
"""Accords of the caller that are looked at for a content, where none is named."""


def file_problem(error: Exception) -> Problem:
    """What keeps a content from being taken or given."""
    match error:
        case OtherOffset():
            return Problem(
                "other_offset",
                f"{error.what}. Send the part that begins with byte {error.received}.",
                headers={"Upload-Offset": str(error.received)},
            )
        case FileRefused():
            code = {
                "type_not_taken": "unsupported_media_type",
                "type_differs": "unsupported_media_type",
                "too_large": "too_large",
                "too_many": "too_many_files",
                "digest_differs": "digest_differs",
            }.get(error.code, "malformed")
            return Problem(code, f"{error.what}. Nothing was kept of it: {error.remedy}.")
        case FileNotFoundError():
            return unavailable(
                "The content is not in the store. Tell whoever runs this; the record is as it was."
            )
        case StoreUnavailable() | ContentAltered():
            return unavailable(f"{error.what} Tell whoever runs this; the record is as it was.")
    raise error


def readable_files(parts: Backend, state: Accord, access: Access) -> AsyncIterator[ExportedFile]:
    """The contents of an accord that the caller may read and that an entry names, for a bundle."""
    return exported_files(
        parts.register, parts.store, state.id, lambda content: may_read_content(access, state, content)
    )


def no_content(digest: str) -> Problem:
    """There is no such content, or none for this caller: the two are not told apart."""
    return Problem(
        "not_found",
        f"There is no content of {digest} that you can read. A content is there once somebody who has it has deposited "
        "it; who may read it follows from the entries that name it.",
    )


def if_erased(state: Accord, digest: str) -> None:
    """Say so where a content was erased.

    Raises:
        Problem: ``erased``.
    """
    if digest in state.erased_contents:
        raise Problem(
            "erased",
            f"The content of {digest} was erased. The record says on what ground; it is taken here no more.",
        )


async def deposited(parts: Backend, where: Where) -> Content | None:
    """The content, if this side has deposited it already."""
    known = await parts.register.content(where.accord, where.digest)
    return known if known is not None and where.side in known.deposits else None


async def unless_erased(parts: Backend, where: Where, taking: Callable[[], Awaitable[T]]) -> T:
    """What ``taking`` a content in returns; what was erased meanwhile is erased here too.

    Raises:
        Problem: the content is not taken, or the store is not there.
    """
    try:
        return await taking()
    except (FileRefused, StoreUnavailable) as error:
        raise file_problem(error) from error
    finally:
        # An erasure that was recorded meanwhile did not see this content.
        now = await parts.reader.state(where.accord)
        if now is not None and where.digest in now.erased_contents:
            await parts.erasing.erase(where.accord, where.digest)


async def deposit(
    parts: Backend,
    state: Accord,
    access: Access,
    digest: str,
    delegate: str,
    media_type: str,
    size: int | None,
    content: AsyncIterator[bytes],
) -> None:
    """Take in a content that is here as a whole; one that the side has deposited already is there once.

    Raises:
        Problem: ``erased``, ``forbidden``, ``too_large``, ``too_many_files``, ``unsupported_media_type``,
            ``digest_differs`` or ``unavailable``.
    """
    seen_whole(access)
    if_erased(state, digest)
    where = Where(state.id, digest, side_of(access), delegate)
    if await deposited(parts, where) is not None:
        return

    async def take() -> None:
        await parts.depositing.check(where, size, media_type)
        await parts.depositing.whole(where, media_type, content)

    await unless_erased(parts, where, take)


@dataclass(frozen=True, slots=True)
class _Found:
    content: Content
    state: Accord
    access: Access


async def _readable(parts: Backend, identity: Identity, accord: str, digest: str) -> _Found | None:
    state, access = await seen(parts, identity, accord)
    seen_whole(access)
    if_erased(state, digest)
    content = await parts.register.content(accord, digest)
    if content is None or not may_read_content(access, state, content):
        return None
    return _Found(content, state, access)


async def find(parts: Backend, identity: Identity, accord: str | None, digest: str) -> Content:
    """A content that the caller may read, of that accord or of any.

    Raises:
        Problem: ``not_found``, ``forbidden`` for an observer, or ``erased``.
    """
    if accord is not None:
        found = await _readable(parts, identity, accord, digest)
        if found is None:
            raise no_content(digest)
        return found.content
    member = None if identity.reads_all else identity.principal
    erased = None
    for each in await parts.register.accords_with(digest, member, MOST_ACCORDS):
        try:
            found = await _readable(parts, identity, each, digest)
        except Problem as problem:
            erased = problem if problem.code == "erased" else erased
            continue
        if found is not None:
            return found.content
    raise erased or no_content(digest)
