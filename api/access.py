"""Who sees what of an accord, as requests ask for it; the rules stand in :mod:`activities.reading.access`."""

from __future__ import annotations

from datetime import UTC, datetime

from activities.files.register import Content
from activities.identity.keys import Identity
from activities.reading.access import Access, access_of, is_for, may_read_particulars
from api.problems import Problem, not_found
from workflows.model.state import Accord

__all__ = ["Access", "access_to", "may_read_content", "may_read_particulars", "seen_whole", "side_of"]


def access_to(identity: Identity, a: Accord) -> Access:
    """What the caller sees of an accord now.

    Raises:
        Problem: ``not_found`` for whom it does not exist.
    """
    if identity.only_illustrative and not a.definition.illustrative:
        raise not_found(a.id)
    access = access_of(identity.principal, a, datetime.now(UTC), reads_all=identity.reads_all)
    if access is None:
        raise not_found(a.id)
    return access


def seen_whole(access: Access) -> Access:
    """The same access, if it is not for cleared status only.

    Raises:
        Problem: ``forbidden`` for an observer, and for the contact of a party that is none yet.
    """
    if access.candidate:
        raise Problem(
            "forbidden",
            "Until every party has adopted the amendment that adds yours, you read the definition, the amendment, "
            "and the accord's stage, gates and dates: GET /v1/accords/{accord}, …/definition?amendment=true, "
            "…/claims?amendment=true and …/why/{gate}.",
        )
    if access.cleared:
        raise Problem(
            "forbidden",
            "An observer sees an accord's stage, gates and dates: GET /v1/accords/{accord} and …/why/{gate}. "
            "For more, a party's contact has to appoint you in another role.",
        )
    return access


def side_of(access: Access) -> str:
    """The side for which the caller deposits contents: its party, or itself where it acts for none."""
    return access.party or access.delegate


def may_read_content(access: Access, a: Accord, content: Content) -> bool:
    """Whether a content is for the caller: its side deposited it, or an entry that names it opens it to the caller.

    An entry does so if its side deposited the content, and what is said in its act is for the caller. Nobody reads what
    was erased.
    """
    if access.cleared or content.digest in a.erased_contents:
        return False
    if not access.reads_all and side_of(access) in content.deposits:
        return True
    return any(access.audits or is_for(access, a, one.act, one.condition) for one in content.opened_by)
