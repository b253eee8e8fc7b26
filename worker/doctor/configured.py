"""What settings name that a process reads when it starts, or much later: OpenID providers, and the mail server."""

from __future__ import annotations

from collections.abc import Iterator

from activities.errors import SettingsProblem
from activities.feeds.mail import Mail
from activities.identity.providers import load_providers
from activities.runtime.settings import Settings
from worker.doctor.finding import Finding, ok, skipped, wrong


def configured(settings: Settings) -> Iterator[Finding]:
    """Whether each can be read; nobody outside is asked."""
    try:
        providers = load_providers(settings.oidc_file)
    except SettingsProblem as problem:
        yield wrong("sign-in", problem.what, problem.remedy)
    else:
        issuers = ", ".join(one.issuer for one in providers)
        yield (
            ok("sign-in", f"tokens of {issuers} are taken")
            if issuers
            else skipped("sign-in", "ENTENTE_OIDC_FILE is not set: API keys alone are taken")
        )
    smtp_url = None if settings.smtp_url is None else settings.smtp_url.get_secret_value()
    try:
        mail = Mail.of(smtp_url, settings.mail_from)
    except SettingsProblem as problem:
        yield wrong("mail", problem.what, problem.remedy)
        return
    yield (
        skipped("mail", "ENTENTE_SMTP_URL is not set: nobody is told by e-mail of what waits on them")
        if mail is None
        else ok("mail", f"notices are sent as {settings.mail_from}")
    )
