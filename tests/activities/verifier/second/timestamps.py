"""FORMAT.md, "Time from outside", and what to check of tokens of time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.activities.verifier.second.commands import Entry
from tests.activities.verifier.second.reading import Members, NoBundle, need, unbase64

HASHES = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}


def tokens(members: Members, size: int) -> list[tuple[int, bytes]]:
    """The tokens of `timestamps.jsonl`, with the sizes that they are said to be over."""
    need("timestamps.jsonl" in members.content, "no timestamps.jsonl")
    found = []
    before: tuple[int, str] = (0, "")
    raw = members.content["timestamps.jsonl"].split(b"\n")
    for line, text in zip(members.lines("timestamps.jsonl"), raw, strict=False):
        need(line.keys() == {"size", "token"} and len(text) <= 131_072, "timestamps.jsonl")
        need(type(line["size"]) is int and 1 <= line["size"] <= size, "timestamps.jsonl")
        content = unbase64(line["token"])
        need((line["size"], line["token"]) > before, "timestamps.jsonl")
        before = (line["size"], line["token"])
        found.append((line["size"], content))
    return found


def issued(one: x509.Certificate, by: x509.Certificate) -> bool:
    """Whether a certificate has another's name as issuer, and is signed by its key."""
    try:
        if one.issuer != by.subject:
            return False
        one.verify_directly_issued_by(by)
    except Exception:
        return False
    return True


class Token:
    """A token that is in its form; raises NoBundle where it is not."""

    def __init__(self, content: bytes, text: bytes) -> None:
        need(0 < len(content) <= 65_536, "its length")
        try:
            self._read(content)
        except Exception as error:
            raise NoBundle(f"no token: {error}") from None
        need(self.imprint == ("sha256", hashlib.sha256(text).digest()), "its imprint")
        need(len(self.certificates) <= 10, "its certificates")
        need(len(self.mine) == 1, "its signer's certificate")
        self.signer = self.mine[0]
        self._may_stamp()

    def _read(self, content: bytes) -> None:
        info = cms.ContentInfo.load(content, strict=True)
        need(info["content_type"].native == "signed_data", "signed data")
        signed = info["content"]
        need(signed["version"].dump() == b"\x02\x01\x03", "the version of signed data")
        inner = signed["encap_content_info"]
        need(inner["content_type"].native == "tst_info", "a TSTInfo")
        self.body = bytes(inner["content"])
        told = tsp.TSTInfo.load(self.body, strict=True)
        need(told.dump(force=True) == self.body, "DER of a TSTInfo")
        self.imprint = (
            told["message_imprint"]["hash_algorithm"]["algorithm"].native,
            told["message_imprint"]["hashed_message"].native,
        )
        self.time: datetime = told["gen_time"].native
        off = told["accuracy"].native or {}
        self.before = self.time + timedelta(
            seconds=off.get("seconds") or 0,
            milliseconds=off.get("millis") or 0,
            microseconds=off.get("micros") or 0,
        )
        need(len(signed["signer_infos"]) == 1, "one signer")
        self.info = signed["signer_infos"][0]
        self.sid = self.info["sid"]
        need(self.sid.name == "issuer_and_serial_number", "the signer's name")
        name, number = self.sid.chosen["issuer"].dump(), self.sid.chosen["serial_number"].native
        for algorithm in [
            *signed["digest_algorithms"],
            self.info["digest_algorithm"],
            self.info["signature_algorithm"],
            told["message_imprint"]["hash_algorithm"],
        ]:
            named = algorithm["algorithm"].native
            need(algorithm["algorithm"].contents[-1] < 128, "the name of an algorithm")
            if named in HASHES or named.startswith(("rsassa_pkcs1v15", "sha")):
                need(algorithm["parameters"].dump() in (b"", b"\x05\x00"), "the parameters of an algorithm")
        for version in (self.info["version"], told["version"]):
            need(version.dump()[:2] == b"\x02\x01" and version.dump()[2] < 128, "a version")
        self.digests = [one["algorithm"].native for one in signed["digest_algorithms"]]
        unused = {one.chosen["signature_value"].contents[:1] for one in signed["certificates"]}
        need(unused <= {b"\0"}, "signatures of certificates, of whole bytes")
        told_as = [one.dump() for one in signed["certificates"]]
        need(told_as == sorted(told_as), "DER of a set")
        issuers = {
            one.dump(): one.chosen["tbs_certificate"]["issuer"].dump() for one in signed["certificates"]
        }
        self.certificates = [x509.load_der_x509_certificate(one) for one in issuers]
        need([(one.subject, one.issuer) for one in self.certificates], "certificates with names that read")
        self.mine = [
            one
            for one, issuer in zip(self.certificates, issuers.values(), strict=True)
            if issuer == name and one.serial_number == number
        ]

    def _may_stamp(self) -> None:
        try:
            usage = self.signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        except Exception:
            raise NoBundle("its signer's usage") from None
        need(usage.critical and list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING], "its usage")
        need(_valid(self.signer, self.time), "its signer's time")

    def known(self, brought: Sequence[x509.Certificate]) -> bool:
        """Whether the signer's certificate leads to a root that was brought."""
        return bool(self._paths(brought))

    def _paths(self, brought: Sequence[x509.Certificate]) -> list[list[x509.Certificate]]:
        roots = [one for one in brought if issued(one, one)]
        between = [*brought, *self.certificates]
        found, ahead = [], [[self.signer]]
        for _ in range(10):
            found += [path for path in ahead if path[-1] in roots]
            ahead = [
                [*path, one]
                for path in ahead
                for one in dict.fromkeys(between)
                if one not in path and issued(path[-1], one)
            ]
        return found

    def fits(self, brought: Sequence[x509.Certificate]) -> bool:
        """Whether a path is valid at the token's time, and the signature is the signer's."""
        if not any(self._valid_path(path) for path in self._paths(brought)):
            return False
        try:
            return self._signed()
        except Exception:
            return False

    def _valid_path(self, path: list[x509.Certificate]) -> bool:
        if not all(_valid(one, self.time) for one in path):
            return False
        for below, one in enumerate(path[1:]):
            try:
                basic = one.extensions.get_extension_for_class(x509.BasicConstraints).value
                if not basic.ca or (basic.path_length is not None and basic.path_length < below):
                    return False
                if not one.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign:
                    return False
            except x509.ExtensionNotFound as missing:
                if missing.oid != x509.KeyUsage.oid:
                    return False
            except ValueError:
                return False
        return True

    def _signed(self) -> bool:
        digest = self.info["digest_algorithm"]["algorithm"].native
        made = HASHES[digest]
        attributes: dict[str, list[Any]] = {}
        for one in self.info["signed_attrs"]:
            attributes.setdefault(one["type"].native, []).extend(one["values"])
        [kind], [mark] = attributes["content_type"], attributes["message_digest"]
        if kind.native != "tst_info" or mark.native != hashlib.new(digest, self.body).digest():
            return False
        if digest not in self.digests:
            return False
        body = self.info["signed_attrs"].untag().dump()
        signature = self.info["signature"].native
        public = self.signer.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, body, padding.PKCS1v15(), made())
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, body, ec.ECDSA(made()))
        else:
            return False
        return True


def _valid(one: x509.Certificate, time: datetime) -> bool:
    return one.not_valid_before_utc <= time <= one.not_valid_after_utc


def judged(content: bytes, text: bytes, brought: Sequence[x509.Certificate]) -> Token | str:
    """The token, if it is believed; else `fails`, or `unknown` where it counts for nothing."""
    try:
        token = Token(content, text)
    except NoBundle:
        return "fails"
    if not token.known(brought):
        return "unknown"
    return token if token.fits(brought) else "fails"


def stamped(
    found: list[tuple[int, bytes]],
    texts: dict[int, bytes],
    brought: Sequence[x509.Certificate],
    entries: list[Entry | None],
) -> str:
    """The answer to the question: fails, unproven, unchecked, withheld or holds."""
    answers = [judged(content, texts[size], brought) for size, content in found]
    believed = [(size, one) for (size, _), one in zip(found, answers, strict=True) if isinstance(one, Token)]
    fails, part = "fails" in answers, False
    real = _real(entries[0])
    for size, one in believed:
        if real is False:
            continue
        part |= real is None or None in entries[:size]
        late = one.before + timedelta(seconds=60)
        told = [datetime.fromisoformat(entry.said["time"]) for entry in entries[:size] if entry is not None]
        fails |= real is True and any(time > late for time in told)
    if fails:
        return "fails"
    if not believed:
        return "unproven" if brought else "unchecked"
    return "withheld" if part else "holds"


def _real(opening: Entry | None) -> bool | None:
    event = None if opening is None or opening.facts is None else opening.facts.get("event")
    definition = event.get("definition") if isinstance(event, dict) else None
    clock = definition.get("clock", {}) if isinstance(definition, dict) else None
    return clock.get("mode") != "simulated" if isinstance(clock, dict) else None
