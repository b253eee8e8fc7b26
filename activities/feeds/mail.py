"""Messages by e-mail: written from templates, and handed to the operator's mail server.

A message is sent by the SMTP client of the standard library (RFC 5321), in a thread; its text is plain, in UTF-8.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from importlib import resources
from typing import Any
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, FunctionLoader, StrictUndefined

from activities.errors import EntenteError, SettingsProblem
from activities.languages import catalogues

PATIENCE = 20.0
"""Seconds that the mail server has for each answer."""

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class MailFailed(EntenteError):
    """The mail server did not take a message. ``final``: it never will, such as for an address that does not exist."""

    def __init__(self, what: str, *, final: bool) -> None:
        super().__init__(what, "Look at ENTENTE_SMTP_URL and at the mail server's log")
        self.final = final


def _template(name: str) -> str:
    return (resources.files("activities.feeds.templates") / name).read_text(encoding="utf-8")


_TEMPLATES = Environment(
    loader=FunctionLoader(_template),
    autoescape=False,  # noqa: S701 - plain text; what parties wrote is put on one line each before
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    extensions=["jinja2.ext.i18n"],
)
_TEMPLATES.install_gettext_callables(  # type: ignore[attr-defined]
    catalogues.gettext, catalogues.ngettext, newstyle=True
)


def written(template: str, **values: Any) -> str:
    """A message's text, in the language that is spoken."""
    return _TEMPLATES.get_template(template).render(**values)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail server, by its URL: ``smtp://``, ``smtp+starttls://`` or ``smtps://``, with user and password if any."""

    url: str
    sender: str

    def __repr__(self) -> str:
        return f"Mail({urlsplit(self.url).hostname!r}, {self.sender!r})"

    @classmethod
    def of(cls, url: str | None, sender: str | None) -> Mail | None:
        """The mail server of the settings; none where none is set.

        Raises:
            SettingsProblem: the URL is none, or no sender is set.
        """
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise SettingsProblem(
                "ENTENTE_SMTP_URL is no address of a mail server.",
                "Write smtp://, smtp+starttls:// or smtps:// and a host, such as smtps://user:password@mail.example.",
            )
        if not sender or "@" not in sender:
            raise SettingsProblem(
                "Messages have no sender.", "Set ENTENTE_MAIL_FROM, such as entente@ministry.example."
            )
        return cls(url, sender)

    async def send(self, to: str, subject: str, text: str) -> None:
        """Hand a message to the mail server.

        Raises:
            MailFailed: it did not take it.
        """
        message = EmailMessage(policy=SMTP)
        message["From"] = self.sender
        message["To"] = to
        message["Subject"] = " ".join(subject.split())[:200]
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2])
        # So that no holiday answers come back, and no loops begin (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        await asyncio.to_thread(self._deliver, message)

    def _deliver(self, message: EmailMessage) -> None:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        tls = ssl.create_default_context()
        try:
            server: smtplib.SMTP
            if parts.scheme == "smtps":
                server = smtplib.SMTP_SSL(host, port, timeout=PATIENCE, context=tls)
            else:
                server = smtplib.SMTP(host, port, timeout=PATIENCE)
            with server:
                if parts.scheme == "smtp+starttls":
                    server.starttls(context=tls)
                if parts.username:
                    server.login(unquote(parts.username), unquote(parts.password or ""))
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise MailFailed(
                f"the address is refused: {codes}", final=all(code >= 500 for code in codes)
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            raise MailFailed(f"{type(error).__name__}: {error}"[:300], final=False) from None
