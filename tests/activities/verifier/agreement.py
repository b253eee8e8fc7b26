"""Both verifiers on one bundle: ours, and the one that is written from FORMAT.md alone. They have to agree."""

from __future__ import annotations

import base64
import json
import os
import uuid
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from activities.bundle.format import format_text
from activities.errors import Malformed
from activities.tlog.note import Ed25519Verifier
from activities.tlog.policy import Policy
from activities.tlog.proofs import TlogProof
from activities.verifier.findings import Report
from activities.verifier.held import Held
from activities.verifier.verify import Trust, verify_bundle
from tests.activities.verifier.second.reading import NoBundle
from tests.activities.verifier.second.verifier import Brought, verify


def brought(trust: Trust | None) -> Brought:
    """What the second verifier is to know, as files have it."""
    trust = trust or Trust()
    policy = None if trust.policy is None else policy_text(trust.policy)
    kept = tuple(map(_kept, trust.held))
    certificates = tuple(one.public_bytes(Encoding.DER) for one in trust.authorities)
    return Brought(policy, trust.command_keys, kept, certificates, format_text())


def policy_text(policy: Policy) -> bytes:
    """A policy as a file."""
    logs = [f"log {log.encoded()}" for log in policy.logs if isinstance(log, Ed25519Verifier)]
    witnesses = [f"witness {name} {key.encoded()}" for name, key in policy.witnesses.items()]
    groups = [
        f"group {name} {group.threshold} {' '.join(group.members)}" for name, group in policy.groups.items()
    ]
    return "".join(f"{line}\n" for line in [*logs, *witnesses, *groups, f"quorum {policy.quorum}"]).encode()


def _kept(held: Held) -> bytes:
    if held.index is None:
        return held.note.encoded()
    return TlogProof(held.index, held.hashes, held.note.encoded()).encoded()


def second(path: Path, trust: Trust | None) -> dict[str, str] | None:
    """The second verifier's answers; none where it says that there is no bundle."""
    try:
        return verify(path, brought(trust))
    except NoBundle:
        return None


def ours(report: Report) -> dict[str, str]:
    """Our answers, but for the fold."""
    return {name: finding.status for name, finding in report.findings.items() if name != "fold"}


KEEP = "ENTENTE_KEEP_BUNDLES"
"""Names a folder in which every bundle is kept that both have judged, for a third verifier to judge it as well."""


def _keep(path: Path, trust: Trust | None, said: dict[str, str] | None) -> None:
    folder = os.environ.get(KEEP)
    if folder is None:
        return
    known = brought(trust)
    kept = {
        "policy": None if known.policy is None else base64.b64encode(known.policy).decode(),
        "commandKeys": list(known.command_keys),
        "kept": [base64.b64encode(one).decode() for one in known.kept],
        "said": said,
    }
    file = Path(folder) / f"{uuid.uuid4().hex}.bundle"
    file.write_bytes(path.read_bytes())
    file.with_suffix(".json").write_text(json.dumps(kept))


def agreed(path: Path, trust: Trust | None = None, **given: object) -> Report:
    """Our report, if the second verifier says the same.

    Raises:
        Malformed: both say that there is no bundle.
    """
    other = second(path, trust)
    _keep(path, trust, other)
    try:
        report = verify_bundle(path, trust, **given)  # type: ignore[arg-type]
    except Malformed as error:
        if other is not None:
            raise AssertionError(f"malformed for us alone: {error}") from error
        raise
    if other is None:
        raise AssertionError("malformed for the second verifier alone")
    differ = {name: (status, other[name]) for name, status in ours(report).items() if other[name] != status}
    told = {name: (report[name].problems, report[name].gaps, report[name].absent) for name in differ}
    assert not differ, f"ours, and the second's: {differ}; ours says {told}"
    return report
