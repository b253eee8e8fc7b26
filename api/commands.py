"""Sending commands: look in the ledger first, sign, wait for a turn, ask the accord's workflow, read what came of it.

Whatever is asked twice under one idempotency key gets one outcome. The ledger knows it for good; Temporal's own
memory of update ids ends with each run.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import unicodedata
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from pydantic import ValidationError
from temporalio.client import Client

from activities.identity.claims import Claims
from activities.identity.keys import Identities, KeyReused
from activities.identity.own_signatures import GivenSignature, WrongSignature, verify_own
from activities.identity.signing import CommandSigner
from activities.judging.claiming import claimed_elsewhere, named_by, named_for
from activities.reading.states import States
from activities.runtime.settings import Settings
from api.clock import Clocks
from api.heavy import JUDGING, is_large
from api.interventions import INTERVENTIONS
from api.limits import Limits
from api.problems import Problem, not_found, of_rejection, reused, unavailable
from api.queue import ActQueue
from api.telemetry import name_in_logs
from api.updates import NothingDecided, NoWorkflow, Updates
from workflows.model.authority import known
from workflows.model.canonical import digest_of
from workflows.model.commands import OPEN, Command, Receipt, Refusal
from workflows.model.decide import Decision, decide, parse
from workflows.model.declare import Rejected, in_normal_form, outline, parse_act
from workflows.model.declared import ACTS
from workflows.model.definition import Definition
from workflows.model.state import Accord

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5
"""Seconds between two attempts while a history is being continued, or the server asks to slow down."""

NOT_SIGNED = GivenSignature()
"""No signature of the delegate's own."""

OPENING = "accords"
"""The scope in which idempotency keys of openings are kept."""

log = structlog.get_logger(__name__)


def accord_id(title: str, delegate: str, key: str) -> str:
    """The id of the accord that ``delegate`` opens under the idempotency key ``key``; the same for every retry.

    The title as ASCII words of at most 40 characters, then ten characters of a digest (50 bits).
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:41].strip("-")[:40].strip("-") or "accord"
    digest = hashlib.sha256(f"{delegate}/{key}".encode()).digest()
    return f"{slug}-{base64.b32encode(digest).decode().lower()[:10]}"


def opening(definition: Definition, delegate: str, key: str) -> Command:
    """The command that opens an accord. A definition in JSON and the same in YAML make the same command."""
    return Command(
        accord=accord_id(definition.title, delegate, key),
        id=f"{delegate}/{key}",
        act=OPEN,
        fields={"definition": definition.as_facts()},
        delegate=delegate,
    )


def judge_opening(definition: Definition, delegate: str, key: str, now: datetime) -> Decision:
    """What would follow from opening an accord.

    Raises:
        Problem: the delegate is no contact in the definition, or it is too large.
    """
    command = opening(definition, delegate, key)
    try:
        return decide(None, command, now)
    except Rejected as error:
        raise of_rejection(command.accord, error) from None


def _opening(definition: Definition, delegate: str, key: str, now: datetime) -> tuple[Command, str]:
    """The command that opens an accord, if it may be opened so, and the digest of its fields."""
    judge_opening(definition, delegate, key, now)
    command = opening(definition, delegate, key)
    return command, digest_of(command.fields)


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of an act, and the accord's state after it.

    The outcome is a receipt, of an act done or refused; or a bare refusal, where the accord is closed and no workflow
    is left to record it, or that of a signal, for which nobody waits.
    """

    state: Accord
    outcome: Receipt | Refusal


class Commands:
    """Sends what delegates ask for. One for each API process."""

    def __init__(
        self,
        settings: Settings,
        signer: CommandSigner,
        states: States,
        identities: Identities,
        claims: Claims,
        clocks: Clocks,
        client: Callable[[], Awaitable[Client]],
        queue: ActQueue,
        limits: Limits,
    ) -> None:
        self._task_queue = settings.task_queue
        self._signer = signer
        self._states = states
        self._identities = identities
        self._claims = claims
        self._clocks = clocks
        self._client = client
        self._queue = queue
        self._limits = limits
        self._updates = Updates(client, settings.task_queue)

    async def open(self, definition: Definition, delegate: str, key: str, now: datetime) -> Receipt:
        """Open an accord; returns once its opening entry is recorded.

        Raises:
            Problem: the delegate is no contact in the definition, or the key was used for another one.
            RPCError, Unreachable, LedgerError, Busy: it cannot be done now; the same request can be sent again.
        """
        command, digest = await JUDGING.run(_opening, definition, delegate, key, now)
        name_in_logs(accord=command.accord, act=command.act, command=command.id)
        try:
            await self._identities.reserve(delegate, OPENING, key, digest)
        except KeyReused:
            raise reused(key) from None
        _, settled = await self._look(command)
        if settled is None:
            await self._limits.count("opening", delegate)
            named = named_for(definition, delegate)
            taken = await self._claims.taken(named.contact, named.delegates, named.apart)
            if taken:
                raise of_rejection(command.accord, claimed_elsewhere(taken))
            settled = await self._deliver(command, start=True)
        return _receipt(settled)

    async def act(self, command: Command, signed: GivenSignature = NOT_SIGNED) -> Settled:
        """Do an act; returns what came of it, once it is recorded as done or as refused.

        Raises:
            Problem: no act at all, no such accord for this delegate, or the key was used for another command.
            RPCError, Unreachable, LedgerError, Busy: it cannot be done now; the same request can be sent again.
        """
        name_in_logs(accord=command.accord, act=command.act, command=command.id)
        command = await _normal(command)
        seen, settled = await self._look(command)
        if settled is not None:
            return settled
        state = await self._judged_and_counted(seen, command)
        command = _with_own(state, command, signed)
        if state.closed:
            if ACTS[command.act].after_closing:
                return await self._deliver(command, start=True)
            return Settled(state, await self._over(state, command))
        await self._check_claims(state, command)
        intervention = INTERVENTIONS.get(command.act)
        if intervention is not None and await self._allowed(state, command):
            time = (await self._clocks.present(state)).time
            await intervention(await self._client(), command.accord, self._task_queue)
            await self._clocks.restore(state, time)
        return await self._deliver(command)

    async def signal(self, command: Command, own: GivenSignature = NOT_SIGNED) -> Settled | None:
        """Pass a signal on, for which nobody waits; what came of it only where that is known already.

        That it will be refused is foreseen by the state at hand and told at once; it is recorded all the same.

        Raises:
            Problem: malformed, no such accord for this delegate, or the key was used for another command.
            RPCError, Unreachable, LedgerError: something does not answer; the same request can be sent again.
        """
        name_in_logs(accord=command.accord, act=command.act, command=command.id)
        command = await _normal(command)
        seen, settled = await self._look(command)
        if settled is not None:
            return settled
        state = await self._judged_and_counted(seen, command)
        command = _with_own(state, command, own)
        if state.closed:
            return Settled(state, await self._over(state, command))
        present = await self._clocks.present(state)
        foreseen = (await JUDGING.run(decide, state, command, present.time)).refusal
        await self._updates.signal(self._signer.sign(command))
        return None if foreseen is None else Settled(state, foreseen)

    async def _look(self, command: Command) -> tuple[Accord | None, Settled | None]:
        """The accord's state, if there is such an accord; and what came of the command, if the ledger has it.

        One round trip to the database.

        Raises:
            Problem: ``idempotency_key_reused``; the ledger has another command under this id.
        """
        folded, outcome = await self._states.look_up(command.accord, command.id)
        state = None if folded is None else folded.state
        if outcome is None or state is None:
            return state, None
        if not outcome.is_of(command.fingerprint(), outline(command)):
            raise reused(command.id.partition("/")[2])
        return state, Settled(state, outcome.receipt)

    async def _judged_and_counted(self, seen: Accord | None, command: Command) -> Accord:
        """The accord's state, once the command is one that its delegate may send, and not one too many.

        Raises:
            Problem: ``not_found``, what is wrong with the command, or ``rate_limited``.
        """
        state = await _judged(seen, command)
        # By party, so that no party's delegates use up what another's need; who stands for none counts alone.
        appointment = state.delegates.get(command.delegate)
        party = None if appointment is None else appointment.party
        await self._limits.count("accord", command.accord, party or command.delegate)
        return state

    async def _check_claims(self, state: Accord, command: Command) -> None:
        """See that the ids that an act names for the delegate's side are its own or nobody's, if it would be done.

        They are claimed where the act is recorded, which looks again; here the answer comes without waiting for a turn.

        Raises:
            Problem: ``delegate_claimed``; another side has one of them.
        """
        wanted = await JUDGING.run(named_by, state, command)
        if wanted is None:
            return
        if not await self._allowed(state, command):
            # The rules refuse it, and that belongs on the record.
            return
        taken = await self._claims.taken(wanted.contact, wanted.delegates, wanted.apart)
        if taken:
            raise of_rejection(state.id, claimed_elsewhere(taken))

    async def _allowed(self, state: Accord, command: Command) -> bool:
        """Whether the act would be recorded as done, by the state that is known here."""
        present = await self._clocks.present(state)
        try:
            decision = await JUDGING.run(decide, state, command, present.time)
        except Rejected:
            return False
        return decision.refusal is None

    async def _over(self, state: Accord, command: Command) -> Refusal:
        """The refusal of an act on an accord that is closed: no workflow is left to record it."""
        present = await self._clocks.present(state)
        refusal = (await JUDGING.run(decide, state, command, present.time)).refusal
        if refusal is None:
            raise AssertionError(f"{command.act} is not refused on the closed accord {state.id}")
        return refusal

    async def _deliver(self, command: Command, *, start: bool = False) -> Settled:
        """Send until it is decided, when it is the delegate's turn; the outcome is the one that the ledger has.

        Temporal keeps what came of an update id, also what was given by hand or failed for a reason that is gone by
        now; so what the ledger does not know is sent once more, under another. The caller's deadline bounds it all.
        """
        async with self._queue.turn(command.accord, command.delegate):
            signed = self._signer.sign(command)
            update, pause, fresh = signed.update_id(), FIRST_PAUSE, True
            while True:
                try:
                    await self._updates.execute(signed, update, start=start)
                except NothingDecided:
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
                    continue
                except NoWorkflow:
                    state, settled = await self._look(command)
                    if settled is not None:
                        return settled
                    state = await _judged(state, command)
                    if state.closed:
                        return Settled(state, await self._over(state, command))
                    log.warning(
                        "no workflow runs for an open accord; starting one from the ledger",
                        accord=command.accord,
                    )
                    start = True
                    continue
                except Problem as problem:
                    if not fresh or problem.code == "idempotency_key_reused":
                        raise
                else:
                    _, settled = await self._look(command)
                    if settled is not None:
                        return settled
                    log.error(
                        "the ledger does not have what is said to be done",
                        accord=command.accord,
                        command=command.id,
                    )
                    if not fresh:
                        raise unavailable(
                            "The accords' engine says that this is done, and the ledger does not have it. Tell "
                            "whoever runs this, with the request id: somebody may give results in Temporal by hand."
                        )
                fresh = False
                update = f"{signed.update_id()}~{uuid.uuid4().hex[:12]}"


def _receipt(settled: Settled) -> Receipt:
    """The receipt of what the ledger has recorded."""
    if isinstance(settled.outcome, Refusal):
        raise TypeError(f"{settled.state.id} is closed, and the command has no receipt")
    return settled.outcome


async def _normal(command: Command) -> Command:
    """The command in its normal form, in which it is signed, recorded, and known again."""
    if is_large(command.fields):
        return await JUDGING.run(in_normal_form, command)
    return in_normal_form(command)


async def _judged(state: Accord | None, command: Command) -> Accord:
    """The state, if the delegate is known in it and the command is an act at all.

    Raises:
        Problem: ``not_found``, or what is wrong with the command.
    """
    if state is None or known(state, command.delegate) is None:
        raise not_found(command.accord)
    try:
        if is_large(command.fields):
            await JUDGING.run(parse, state, command)
        else:
            parse(state, command)
    except Rejected as error:
        raise of_rejection(command.accord, error) from None
    return state


def _with_own(state: Accord, command: Command, signed: GivenSignature) -> Command:
    """The command with the delegate's own signature, if the request carries one that fits.

    Raises:
        Problem: ``own_signature_wrong``; nothing is recorded.
    """
    if not signed:
        return command
    wanted = parse_act(command.act, command.fields)
    try:
        command = command.model_copy(update={"own": signed.on(wanted)})
        verify_own(state, command)
    except ValidationError:
        said = "one of Entente-Key, -Signature, -Salt and -Not-After is not written as it has to be"
    except WrongSignature as error:
        said = error.what
    else:
        return command
    raise Problem(
        "own_signature_wrong",
        f"The act is not taken, and leaves no trace: {said}. Sign the act as deploy/docs/signed-acts.md says, with the "
        "id under which it is sent; the state of the accord lists the keys.",
    )
