"""What a party may name as an address, what of it is asked from here, and that every answer ends."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from activities.runtime.reaching import (
    Answer,
    NotAllowed,
    Patience,
    Reaching,
    Resolve,
    Unreachable,
    is_public,
    parse_networks,
)
from tests.activities.witness.hostile import Answering, drips, listening, never, says
from worker.stack.ports import any_free
from workflows.model.addresses import parse_address

LOOPBACK = parse_networks(["127.0.0.0/8"])
SHORT = Patience(connect=0.3, headers=0.3, whole=0.8)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def told(*answers: Sequence[str]) -> Resolve:
    """A name server that answers one after the other, the last for ever."""
    waiting = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return resolve


async def posted(reaching: Reaching, url: str, most: int = 1000) -> Answer:
    try:
        return await reaching.post(url, b"body", most=most)
    finally:
        await reaching.aclose()


async def test_an_answer_comes_back_from_a_network_that_is_allowed() -> None:
    async with listening(says(OK)) as service:
        assert await posted(Reaching(LOOPBACK), f"{service.url}/w") == Answer(200, b"hi")
    assert service.requests[0].startswith(b"POST /w HTTP/1.1\r\n")
    assert f"host: 127.0.0.1:{service.port}".encode() in service.requests[0].lower()


@pytest.mark.parametrize(
    "answering",
    [
        never,
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        drips(b"HTTP/1.1 200 OK\r\n", b"X-More: yes\r\n"),
        drips(b"HTTP/1.1 ", b" "),
        drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["nothing", "body", "headers", "status", "continue", "chunks"],
)
async def test_every_answer_ends_however_it_is_dragged_out(answering: Answering) -> None:
    async with listening(answering) as service:
        with pytest.raises(Unreachable):
            await posted(Reaching(LOOPBACK, patience=SHORT), service.url, most=10_000_000)
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + b"x" * 3000, "longer than 1,000 bytes"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 200_000 + b"\r\n\r\n", "Protocol"),
        (b"nonsense\r\n\r\n", "Protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", "Protocol"),
        (b"", "Protocol"),
    ],
)
async def test_an_answer_that_is_none_is_that_services_failure(content: bytes, said: str) -> None:
    async with listening(says(content)) as service:
        with pytest.raises(Unreachable, match=said):
            await posted(Reaching(LOOPBACK), service.url)


async def test_redirects_are_not_followed() -> None:
    async with listening(says(OK)) as inside:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {inside.url}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with listening(says(moved)) as service:
            assert (await posted(Reaching(LOOPBACK), service.url)).status == 307
    assert inside.requests == []


async def test_what_is_packed_is_not_unpacked() -> None:
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
    async with listening(says(packed)) as service:
        assert (await posted(Reaching(LOOPBACK), service.url)).content == b"\x1f\x8b\x08\x00"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "witness.example"])
async def test_nothing_private_is_asked_unless_the_operator_allows_it(scheme: str, host: str) -> None:
    async with listening(says(OK)) as service:
        reaching = Reaching(resolve=told(["127.0.0.1"]))
        with pytest.raises(NotAllowed, match=r"ENTENTE_WITNESS_NETWORKS|by https only"):
            await posted(reaching, f"{scheme}://{host}:{service.port}/")
    assert service.requests == []


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    async with listening(says(OK)) as service:
        reaching = Reaching(resolve=told(["8.8.8.8", "127.0.0.1"]))
        with pytest.raises(NotAllowed):
            await posted(reaching, f"https://witness.example:{service.port}/")
    assert service.requests == []


async def test_it_connects_to_the_address_that_was_judged_whatever_the_name_says_next() -> None:
    """The name server first tells an allowed address, and from then on another one (DNS rebinding)."""
    allowed = parse_networks(["127.0.0.2/32"])
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    async with listening(says(OK)) as service:  # On 127.0.0.1 alone.
        reaching = Reaching(allowed, resolve=rebinding)
        with pytest.raises(Unreachable):
            await reaching.post(f"http://witness.example:{service.port}/", b"", most=100)
        assert asked == ["witness.example"], "it is resolved once for a request"
        with pytest.raises(NotAllowed):
            await posted(reaching, f"http://witness.example:{service.port}/")
    assert service.requests == []


async def test_plain_http_is_for_networks_that_the_operator_names() -> None:
    with pytest.raises(NotAllowed, match="by https only"):
        await posted(Reaching(LOOPBACK, resolve=told(["8.8.8.8"])), "http://witness.example/")


async def test_a_name_with_too_many_addresses_or_none_is_not_asked() -> None:
    for found in ([], [f"8.8.8.{number}" for number in range(9)]):
        with pytest.raises(NotAllowed, match="addresses"):
            await posted(Reaching(resolve=told(found)), "https://witness.example/")


async def test_a_name_that_is_not_there_and_a_port_where_nobody_listens() -> None:
    with pytest.raises(Unreachable):
        await posted(Reaching(), "https://nobody.invalid/")
    with pytest.raises(Unreachable, match="no connection"):
        await posted(Reaching(LOOPBACK), f"http://127.0.0.1:{any_free()}/")


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for a name, signed with its own key, and the key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "public.pem", folder / "private.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return public, private


async def test_tls_is_by_the_name_though_the_connection_is_to_an_address(tmp_path: Path) -> None:
    public, private = certificate(tmp_path, "witness.example")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(public, private)
    names: list[str | None] = []
    serving.sni_callback = lambda _, name, __: names.append(name)
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        await writer.drain()
        writer.close()

    port = any_free()
    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=serving)
    async with server:
        trusting = ssl.create_default_context(cafile=str(public))
        for name, works in (("witness.example", True), ("other.example", False)):
            reaching = Reaching(LOOPBACK, resolve=told(["127.0.0.1"]), tls=trusting)
            if works:
                assert (await posted(reaching, f"https://{name}:{port}/")).status == 200
            else:
                with pytest.raises(Unreachable, match="certificate"):
                    await posted(reaching, f"https://{name}:{port}/")
    assert names == ["witness.example", "other.example"]
    assert len(heads) == 1
    assert f"Host: witness.example:{port}".encode() in heads[0]


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104 - nothing is bound to it
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
        "2001:db8::1", "2001::1", "::127.0.0.1", "fec0::1", "feff::7f00:1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808"])
def test_addresses_that_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "", "witness.example", "ftp://witness.example", "file:///etc/passwd", "https://", "https:///x", "https://xn--0",
        "https://xn--", "https://a.xn--0.example", "https://a..b", "https://-a.example", "https://a-.example",
        "https://a_b.example", "https://ab--c.example", "https://user@witness.example", "https://u:p@witness.example",
        "https://witness.example?x=1", "https://witness.example#x", "https://witness.example:0", "https://h:99999",
        "https://h:1:2", "https://[::1", "https://[1:2]", "https://[::1%25lo]", "https://127.1", "https://2130706433",
        "https://0x7f.0.0.1", "https://0x7f000001", "https://127.0.0.01", "https://1.2.3.4.5", "https://a/%zz",
        "https://a/b c", "https://\u0430.example", "https://a\\b", "https://" + "a" * 64, "https://a/" + "b" * 400,
    ],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"https?:|no address"):
        parse_address(text)


def test_what_is_an_address() -> None:
    one = parse_address("https://Witness.Example:8443/a/b%20c")
    assert (one.secure, one.host, one.port, one.path) == (True, "witness.example", 8443, "/a/b%20c")
    assert one.authority == "witness.example:8443"
    assert parse_address("http://[::1]:8090").authority == "[::1]:8090"
    assert parse_address("https://xn--e1afmkfd.xn--p1ai").authority == "xn--e1afmkfd.xn--p1ai"
