"""The errors of the activities, one tree: what failed and why, and what to do next. Its root is ``EntenteError``.

Two branches: :class:`LedgerError` is about a record and its formats, :class:`RuntimeProblem` about the processes and
what they need. What belongs to one subject alone stands in its file, below one of the two or the root itself.
"""

from __future__ import annotations

from workflows.errors import EntenteError


class LedgerError(EntenteError):
    """Base of the errors about a record: its bytes, proofs and signatures, and the store that keeps it."""


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


class RuntimeProblem(EntenteError):
    """Base of the errors that whoever runs the processes can act on: settings, keys, connections, servers."""


class SettingsProblem(RuntimeProblem):
    """A setting is missing, or not what it has to be."""

    exit_code = 2


class Unreachable(RuntimeProblem):
    """A server that is needed does not answer."""

    exit_code = 3


class UnsignedCommand(RuntimeProblem):
    """No trusted API signed a command, so nobody answers for who gave it. Do not try again."""


__all__ = [
    "EntenteError",
    "LedgerError",
    "Malformed",
    "MissingPrivilege",
    "PayloadMismatch",
    "PayloadMissing",
    "ProofInvalid",
    "RuntimeProblem",
    "SchemaMismatch",
    "SettingsProblem",
    "SignatureInvalid",
    "Unavailable",
    "Unreachable",
    "Unrecordable",
    "UnsignedCommand",
    "WriterClosed",
]
