"""What keeps a content from being taken or given."""

from __future__ import annotations

from activities.errors import EntenteError, RuntimeProblem


class FileRefused(EntenteError):
    """A content is not taken as it was sent. ``code`` is stable."""

    def __init__(self, code: str, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.code = code


class OtherOffset(FileRefused):
    """A part does not follow on what is there; ``received`` bytes are."""

    def __init__(self, received: int) -> None:
        super().__init__(
            "other_offset",
            f"{received:,} bytes of this content are here, and the next part has to begin there",
            "go on from there",
        )
        self.received = received


class StoreUnavailable(RuntimeProblem):
    """The object store does not answer, or does not let us in."""


class ContentAltered(RuntimeProblem):
    """What the store has under a digest is not what has that digest."""
