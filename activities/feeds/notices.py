"""Notices: who wants to hear of what waits on them, and what they have been told.

A person chooses: at once, or a digest a day at an hour of their own zone. Whoever gives an address shows by a code sent
there that it is theirs. Each step is told when it is new, when it is due within a day, and when it is late, each once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

import asyncpg
import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.errors import LedgerError
from activities.feeds.credentials import in_force
from activities.feeds.mail import Mail, MailFailed, written
from activities.languages import formats
from activities.languages.catalogues import ENGLISH, counted, gettext, noted, spoken
from activities.languages.choosing import known
from activities.languages.prose import prose
from activities.ledger.database import translated, with_role
from activities.reading.listing import Listing, Step
from workflows.messages import FailureKind
from workflows.model.summary import plain, to_be_marked
from workflows.notices import NoticesReport

Mode = Literal["at_once", "daily"]
What = Literal["new", "soon", "late"]

SOON = timedelta(days=1)
"""So long before its due date a step is told of again."""

CODE_HOLDS = timedelta(hours=24)
MOST_TRIES = 5
"""Codes that may be tried against one that was sent."""

MOST_STEPS = 1_000
"""Steps of one person that are looked at."""

SHOWN = 50
"""Steps that one message tells of; it says how many more there are."""

HEADINGS = {
    "late": noted("Overdue"),
    "owe": noted("You owe"),
    "verify": noted("You could verify"),
    "agree": noted("To agree to"),
    "sign": noted("To sign"),
}

_COLUMNS = "principal, address, mode, hour, zone, language, confirmed, changed, digest"

_CHOOSE = (
    "insert into notice_settings as n (principal, address, mode, hour, zone, code, code_until, language, credential) "  # noqa: S608
    "values ($1, $2, $3, $4, $5, $6, now() + $7, coalesce($8, 'en'), $9) on conflict (principal) do update set "
    "address = $2, mode = $3, hour = $4, zone = $5, language = coalesce($8, n.language), changed = now(), "
    "tries = 0, credential = $9, "
    "confirmed = case when n.address = $2 then n.confirmed end, "
    "code = case when n.address = $2 and n.confirmed is not null then null else $6 end, "
    f"code_until = now() + $7 returning {_COLUMNS}"
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """How a person wants to be told."""

    principal: str
    address: str
    mode: Mode
    hour: int
    zone: str
    confirmed: datetime | None
    changed: datetime
    digest: datetime | None
    language: str = ENGLISH

    def next_digest(self, after: datetime) -> datetime:
        """The next time, in UTC, at which it is the digest's hour in the person's zone."""
        zone = ZoneInfo(self.zone)
        local = after.astimezone(zone)
        at = local.replace(hour=self.hour, minute=0, second=0, microsecond=0)
        if at <= local:
            # By the calendar, so that the hour stays where clocks change.
            at = (at.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
        return at.astimezone(UTC)


class Notices:
    """What people chose. All methods raise LedgerError where the database does not answer."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def get(self, principal: str) -> NoticeSettings | None:
        """What a person chose, if anything."""
        row = await self._row(f"select {_COLUMNS} from notice_settings where principal = $1", principal)  # noqa: S608
        return None if row is None else NoticeSettings(**dict(row))

    async def choose(
        self,
        principal: str,
        address: str,
        mode: Mode,
        hour: int,
        zone: str,
        language: str | None = None,
        *,
        credential: str = "",
    ) -> tuple[NoticeSettings, str | None]:
        """Keep a choice; and the code to send, where the address has yet to be confirmed. No language: as before.

        ``credential`` is the id of the key or account by which it is chosen: revoked, it takes the choice with it.

        Raises:
            CredentialRevoked: the key was revoked meanwhile.
        """
        code = f"{secrets.randbelow(10**8):08}"
        arguments = (
            principal,
            address,
            mode,
            hour,
            zone,
            hashlib.sha256(code.encode()).digest(),
            CODE_HOLDS,
            language,
            credential,
        )
        with translated("read and keep notices", with_role("entente_api")):
            async with self._pool.acquire() as connection, connection.transaction():
                await in_force(connection, credential)
                row = await connection.fetchrow(_CHOOSE, *arguments)
        if row is None:
            raise RuntimeError("an insert returns its row")
        chosen = NoticeSettings(**dict(row))
        return chosen, None if chosen.confirmed is not None else code

    async def speak(self, principal: str, language: str) -> None:
        """Tell a person in another language, if they are told at all."""
        await self._row(
            "update notice_settings set language = $2 where principal = $1 returning 1", principal, language
        )

    async def confirm(self, principal: str, code: str) -> bool:
        """Whether the code is the one that was sent; then the address is confirmed. After some tries none is."""
        row = await self._row(
            "update notice_settings set tries = tries + 1 where principal = $1 and code is not null "
            "and code_until > now() and tries < $2 returning code",
            principal,
            MOST_TRIES,
        )
        if row is None or not hmac.compare_digest(row["code"], hashlib.sha256(code.encode()).digest()):
            return False
        await self._row(
            "update notice_settings set confirmed = now(), code = null where principal = $1 returning 1",
            principal,
        )
        return True

    async def forget(self, principal: str) -> bool:
        """Tell a person nothing more, and forget the address; false where there was none."""
        row = await self._row("delete from notice_settings where principal = $1 returning 1", principal)
        return row is not None

    async def _row(self, query: str, *arguments: object) -> asyncpg.Record | None:
        with translated("read and keep notices", with_role("entente_api")):
            return await self._pool.fetchrow(query, *arguments)


class Noticing:
    """The activity that tells people. ``public_url`` is where the pages are, for links; none leaves them out."""

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        mail: Mail | None,
        public_url: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool = pool
        self._notices = Notices(pool)
        self._listing = Listing(pool)
        self._mail = mail
        self._public_url = None if public_url is None else public_url.rstrip("/")
        self._now = now

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        """What a worker registers."""
        return (self.send_notices,)

    @activity.defn(name="send_notices")
    async def send_notices(self, principal: str) -> NoticesReport:
        """Send a person one message of what is to be told now, if there is anything."""
        try:
            return await self.tell(principal)
        except (LedgerError, MailFailed) as error:
            raise ApplicationError(
                str(error), type=FailureKind.UNAVAILABLE, category=ApplicationErrorCategory.BENIGN
            ) from None

    async def tell(self, principal: str) -> NoticesReport:
        """As the activity does.

        Raises:
            LedgerError: the database does not answer.
            MailFailed: the mail server does not take the message now; it is tried again.
        """
        chosen = await self._notices.get(principal)
        if chosen is None or chosen.confirmed is None or self._mail is None:
            return NoticesReport(told=0, wanted=False)
        now = self._now()
        steps = (await self._listing.steps(principal, limit=MOST_STEPS)).items
        digest = chosen.mode == "daily"
        if digest and now < (
            hour := chosen.next_digest(max(chosen.digest or chosen.confirmed, chosen.changed))
        ):
            return NoticesReport(told=0, wanted=True, next=hour)
        told = await self._told(principal, steps)
        what = {(one.accord, one.key): _what(one, now) for one in steps}
        fresh = [
            one
            for one in steps
            if any((one.accord, one.key, each) not in told for each in what[one.accord, one.key])
        ]
        # A digest repeats what still waits; what is told at once is told once.
        shown = list(steps) if digest else fresh
        if shown:
            try:
                with spoken(known(chosen.language) or ENGLISH):
                    subject, text = _subject(shown), self._text(chosen, shown, now)
                await self._mail.send(chosen.address, subject, text)
            except MailFailed as error:
                if not error.final:
                    raise
                log.warning("an address for notices is refused", principal=principal, reason=error.what)
                await self._notices.forget(principal)
                return NoticesReport(told=0, wanted=False)
            await self._keep(principal, [(*at, each) for at, all_ in what.items() for each in all_])
        if digest:
            await self._looked(principal, now)
            return NoticesReport(told=len(shown), wanted=True, next=chosen.next_digest(now))
        moments = [
            moment
            for one in steps
            if one.waiting.by is not None and not one.simulated
            for moment in (one.waiting.by - SOON, one.waiting.by)
            if moment > now
        ]
        return NoticesReport(told=len(shown), wanted=True, next=min(moments, default=None))

    async def _looked(self, principal: str, now: datetime) -> None:
        with translated("keep when a digest was due", with_role("entente_writer")):
            await self._pool.execute(
                "update notice_settings set digest = $2 where principal = $1", principal, now
            )

    async def _told(self, principal: str, steps: Iterable[Step]) -> set[tuple[str, str, str]]:
        """What the person was told of; what no longer waits is forgotten, so that it is new if it comes back."""
        listed = [(one.accord, one.key) for one in steps]
        with translated("keep what was told", with_role("entente_writer")):
            await self._pool.execute(
                "delete from notices_told t where t.principal = $1 and not exists ("
                "select from unnest($2::text[], $3::text[]) as n (accord, key) "
                "where (n.accord, n.key) = (t.accord, t.key))",
                principal,
                [accord for accord, _ in listed],
                [key for _, key in listed],
            )
            rows = await self._pool.fetch(
                "select accord, key, what from notices_told where principal = $1", principal
            )
        return {(row["accord"], row["key"], row["what"]) for row in rows}

    async def _keep(self, principal: str, told: Sequence[tuple[str, str, str]]) -> None:
        with translated("keep what was told", with_role("entente_writer")):
            await self._pool.execute(
                "insert into notices_told (principal, accord, key, what) "
                # Of whom nothing is kept any more, nothing is kept.
                "select s.principal, n.accord, n.key, n.what from notice_settings s, "
                "unnest($2::text[], $3::text[], $4::text[]) as n (accord, key, what) "
                "where s.principal = $1 on conflict do nothing",
                principal,
                *(list(column) for column in zip(*told, strict=True)),
            )

    def _text(self, chosen: NoticeSettings, steps: Sequence[Step], now: datetime) -> str:
        zone = ZoneInfo(chosen.zone)
        shown, groups = steps[:SHOWN], []
        for kind, heading in HEADINGS.items():
            found = [one for one in shown if ("late" if one.overdue else one.waiting.kind) == kind]
            if found:
                groups.append((gettext(heading), [self._line(one, zone) for one in found]))
        return written(
            "notice.txt.j2",
            digest=chosen.mode == "daily",
            delegate=chosen.principal,
            today=formats.day(now, zone),
            groups=groups,
            more=len(steps) - len(shown),
        )

    def _line(self, one: Step, zone: ZoneInfo) -> dict[str, Any]:
        by = one.waiting.by
        due = (
            None if by is None else f"{formats.moment(by, zone, zone.key)} ({formats.moment(by, UTC, 'UTC')})"
        )
        link = None if self._public_url is None else f"{self._public_url}/accords/{quote(one.accord)}"
        return {
            "says": plain(prose(one.waiting.says), 600),
            "title": plain(one.title, 600),
            "accord": one.accord,
            "by": due,
            "link": link,
            "illustrative": to_be_marked(one.title, one.illustrative),
            "simulated": one.simulated,
        }


def _what(one: Step, now: datetime) -> tuple[What, ...]:
    """What there is to tell of a step by now."""
    by = one.waiting.by
    if one.simulated or by is None or now < by - SOON:
        return ("new",)
    return ("new", "soon") if now < by else ("new", "soon", "late")


def _subject(steps: Sequence[Step]) -> str:
    first = plain(prose(steps[0].waiting.says), 120)
    late, more = sum(one.overdue for one in steps), len(steps) - 1
    if more:
        first = counted("{first} and {n} more", "{first} and {n} more", more, first=first)
    return counted("{n} overdue: {first}", "{n} overdue: {first}", late, first=first) if late else first
