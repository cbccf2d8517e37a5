"""TLS and logins of the SMTP transport."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from drip.core.model import Tls
from drip.errors import RelayUnreachable
from drip.mail.lane import Patience
from drip.mail.smtp import LoginRefused, SmtpTransport
from tests.sinks import CLOSE, HANG, RESET, ScriptedServer, reply
from tests.smtp_stories import (
    ACCEPTED,
    CALM,
    DATA,
    PIPELINING,
    QUICK,
    TEMPORARY,
    UNCERTAIN,
    relay,
    run,
    send_one,
    wire,
)

# --- TLS and login ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and certificate for `localhost`, made on the spot."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl program to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    target = folder / "both.pem"
    command = (
        f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(
        [*command.split(), "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        check=True,
        capture_output=True,
    )
    target.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return target


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def client_tls(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate.with_name("cert.pem"))


@pytest.mark.parametrize("extensions", [(), PIPELINING], ids=["one by one", "pipelined"])
@pytest.mark.parametrize("tls", [Tls.REQUIRED, Tls.IMPLICIT])
def test_tls_and_login(certificate: Path, tls: Tls, extensions: tuple[str, ...]) -> None:
    async def story() -> None:
        async with ScriptedServer(
            extensions=extensions,
            tls=server_tls(certificate),
            implicit=tls is Tls.IMPLICIT,
            logins={"lisa": "pässword"},
        ) as server:
            where = relay(server.port, host="localhost", tls=tls, user="lisa")
            transport = SmtpTransport(where, "pässword", patience=Patience(), tls_context=client_tls(certificate))
            await transport.open()
            outcomes = await asyncio.gather(*(transport.send(wire(number)) for number in range(6)))
            assert {each.kind for each in outcomes} == {ACCEPTED}
            big = DATA + (b"y" * 70 + b"\r\n") * 20_000
            assert (await transport.send(wire(data=big))).kind is ACCEPTED
            assert server.received[-1].data == big
            await transport.close()
            auth = [each for each in server.commands if each.startswith("AUTH")]
            assert len(auth) == server.connections
            assert all(each.startswith("AUTH PLAIN") for each in auth)
            first = server.commands.index("STARTTLS") if tls is Tls.REQUIRED else 0
            assert [each.split()[0] for each in server.commands[first:]].index("AUTH") >= 1

    run(story)


@pytest.mark.parametrize("tls", [Tls.REQUIRED, Tls.IMPLICIT])
@pytest.mark.parametrize("phase", ["dot", "data", "mail"])
def test_losses_inside_tls_are_told_apart_too(certificate: Path, tls: Tls, phase: str) -> None:
    async def story() -> None:
        for ending in (CLOSE, RESET, HANG):
            async with ScriptedServer(
                {phase: ending}, tls=server_tls(certificate), implicit=tls is Tls.IMPLICIT
            ) as server:
                where = relay(server.port, host="localhost", tls=tls)
                transport = SmtpTransport(where, None, patience=QUICK, tls_context=client_tls(certificate))
                outcome = await transport.send(wire())
                await transport.close()
                assert outcome.kind is (UNCERTAIN if phase == "dot" else TEMPORARY)
                assert len(server.received) == (phase == "dot")

    run(story)


def test_required_tls_is_never_given_up(certificate: Path) -> None:
    async def story() -> None:
        async with ScriptedServer(logins={"lisa": "secret"}) as server:
            transport = SmtpTransport(relay(server.port, tls=Tls.REQUIRED, user="lisa"), "secret", patience=CALM)
            with pytest.raises(RelayUnreachable, match="STARTTLS"):
                await transport.open()
            assert (await transport.send(wire())).relay_down
            assert [each.split()[0] for each in server.commands] == ["EHLO"]

    run(story)


def test_a_refused_starttls_ends_the_session(certificate: Path) -> None:
    async def story() -> None:
        script = {"starttls": reply("454 4.7.0 no TLS now")}
        async with ScriptedServer(script, tls=server_tls(certificate)) as server:
            transport = SmtpTransport(relay(server.port, tls=Tls.REQUIRED), None, patience=CALM)
            with pytest.raises(RelayUnreachable, match="454"):
                await transport.open()

    run(story)


def test_a_certificate_of_somebody_else_is_refused(certificate: Path) -> None:
    async def story() -> None:
        for tls in (Tls.REQUIRED, Tls.IMPLICIT):
            async with ScriptedServer(tls=server_tls(certificate), implicit=tls is Tls.IMPLICIT) as server:
                for context in (None, client_tls(certificate)):  # unknown issuer; known issuer, but another name
                    transport = SmtpTransport(relay(server.port, tls=tls), None, patience=CALM, tls_context=context)
                    with pytest.raises(RelayUnreachable, match=r"(?i)certificate"):
                        await transport.open()
                assert not [each for each in server.commands if each.startswith("MAIL")]

    run(story)


def test_a_refused_login_is_tried_once() -> None:
    async def story() -> None:
        async with ScriptedServer(logins={"lisa": "secret"}) as server:
            transport = SmtpTransport(
                relay(server.port, user="lisa"), "wrong-Passw0rd", patience=CALM, hold_off_seconds=0
            )
            with pytest.raises(LoginRefused, match="535") as caught:
                await transport.open()
            assert "not-it-42" not in str(caught.value)
            assert caught.value.exit_code == 13
            for number in range(3):
                assert (await transport.send(wire(number))).relay_down
            assert len([each for each in server.commands if each.startswith("AUTH")]) == 1
            assert server.connections == 1

    run(story)


def test_a_login_that_fails_for_now_may_be_tried_again() -> None:
    async def story() -> None:
        script = {"auth": [reply("454 4.7.0 try later"), reply("235 2.7.0 welcome")]}
        async with ScriptedServer(script, logins={"lisa": "secret"}) as server:
            transport = SmtpTransport(relay(server.port, user="lisa"), "secret", patience=CALM, hold_off_seconds=0)
            assert (await transport.send(wire())).relay_down
            assert (await transport.send(wire())).kind is ACCEPTED
            await transport.close()

    run(story)


def test_a_relay_without_login_is_told() -> None:
    async def story() -> None:
        async with ScriptedServer() as server:
            transport = SmtpTransport(relay(server.port, user="lisa"), "secret", patience=CALM)
            with pytest.raises(LoginRefused, match="no way to log in"):
                await transport.open()

    run(story)


def test_an_old_server_without_ehlo() -> None:
    async def story() -> None:
        async with ScriptedServer({"ehlo": reply("502 5.5.1 what?")}) as server:
            assert (await send_one(server)).kind is ACCEPTED
            assert server.commands[1].startswith("HELO ")

    run(story)
