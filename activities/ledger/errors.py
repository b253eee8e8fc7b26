"""What can go wrong in the ledger: one tree of errors, each with what, why, and what to do next."""

from __future__ import annotations


class LedgerError(Exception):
    """Base of every error of the ledger.

    ``what`` says what failed and why, ``remedy`` what to do next; the text of the error is both.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}."


class Malformed(LedgerError):
    """Bytes or text are not in the format that they claim to be in. No parser here raises anything else."""


class Unrecordable(LedgerError):
    """What was to be recorded cannot be: no canonical form, too large, inconsistent. Do not try again."""


class PayloadMismatch(LedgerError):
    """A payload and its salt do not give the digest in the entry: one of them was altered."""


class PayloadMissing(LedgerError):
    """A payload that is needed is absent: erased, or withheld from this reader."""


class ProofInvalid(LedgerError):
    """A Merkle proof does not lead to the root that it is held against."""


class SignatureInvalid(LedgerError):
    """A signature does not verify, or one that has to be there is absent."""


class SchemaMismatch(LedgerError):
    """The database's schema is not the one that this version of the software knows."""


class MissingPrivilege(LedgerError):
    """The database login may not do what was asked."""


class Unavailable(LedgerError):
    """The store cannot be reached, or went away. What was being recorded may be recorded; try it again."""


class Locked(Unavailable):
    """Another session held a lock for too long, so nothing was recorded."""


class WriterClosed(LedgerError):
    """The writer no longer takes appends, because it was closed."""
