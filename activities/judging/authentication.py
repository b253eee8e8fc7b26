"""Who stands behind a command: the API that signed it for its delegate, and the delegate itself by a key of its own."""

from __future__ import annotations

from temporalio.exceptions import ApplicationError

from activities.errors import UnsignedCommand
from activities.identity.own_signatures import WrongSignature, verify_own
from activities.identity.signing import CommandVerifier
from activities.judging.failures import failure
from activities.reading.signals import FOR_ANOTHER, read_signal, unattributed, unreadable
from workflows.messages import FailureKind, RawSignal
from workflows.model.commands import TICK, UNATTRIBUTED, Command
from workflows.model.state import Accord


def authenticate(verifier: CommandVerifier, command: Command) -> None:
    """A delegate's command is signed by an API; only the clock goes without, under ids of its own.

    Raises:
        ApplicationError: ``NotSigned``.
    """
    if not command.id.startswith(command.delegate + "/"):
        raise failure(
            FailureKind.NOT_SIGNED,
            f"command id {command.id} does not begin with its delegate {command.delegate}",
        )
    if command.act == TICK and command.delegate == TICK:
        if command != Command(accord=command.accord, id=command.id, act=TICK, delegate=TICK):
            # It is kept beside the record, where a verifier asks what binds it.
            raise failure(FailureKind.NOT_SIGNED, "the clock's command says nothing but its id")
        return
    try:
        verifier.verify(command)
    except UnsignedCommand as error:
        raise failure(FailureKind.NOT_SIGNED, f"unverified: {error}") from None


def attributed(verifier: CommandVerifier, accord: str, signal: RawSignal) -> Command:
    """The command of a signal: its monitor's, if a trusted key signed it for this accord; else nobody's."""
    command = read_signal(accord, signal)
    if command.delegate == UNATTRIBUTED:
        return command
    if command.accord != accord or command.act != signal.name:
        return unreadable(accord, signal, FOR_ANOTHER)
    try:
        authenticate(verifier, command)
    except ApplicationError:
        return unattributed(accord, signal, command.fields)
    return command


def check_own_signature(state: Accord | None, command: Command) -> None:
    """A delegate's own signature fits, under a key that the record has; whether one is needed the rules judge.

    Raises:
        Rejected: the key is not one that the record has.
        ApplicationError: ``NotSigned``.
    """
    if command.own is None:
        return
    if state is None:
        raise failure(
            FailureKind.NOT_SIGNED, "no key is enrolled before the accord is opened; open it unsigned"
        )
    try:
        verify_own(state, command)
    except WrongSignature as error:
        raise failure(FailureKind.NOT_SIGNED, f"command {command.id}: {error}") from None
