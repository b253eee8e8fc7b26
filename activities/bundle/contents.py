"""The contents that go into a bundle, as the store has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from activities.bundle.export import ExportedFile
from activities.files.register import Content, Register
from activities.files.store import Store, verified


def exported(store: Store, content: Content) -> ExportedFile:
    """A content as a bundle takes it, checked against its digest as it is read."""
    return ExportedFile(
        content.digest,
        content.size,
        content.media_type,
        lambda: verified(store.read(content.object), content.digest, content.size),
    )


async def exported_files(
    register: Register, store: Store, accord: str, readable: Callable[[Content], bool]
) -> AsyncIterator[ExportedFile]:
    """The contents of an accord that an entry opens to somebody, and that are ``readable`` for whom the bundle is.

    Raises:
        LedgerError: the register cannot be read.
    """
    after = 0
    while page := await register.listed(accord, after, 200):
        for _, digest in page:
            content = await register.content(accord, digest)
            if content is not None and content.opened_by and readable(content):
                yield exported(store, content)
        after = page[-1][0]
