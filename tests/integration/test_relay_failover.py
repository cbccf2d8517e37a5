"""Several relays: the next takes over when one is away, and no message goes over two."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drip.core.delivery import Outcome
from drip.errors import RelayUnreachable
from drip.mail.failover import LOSSES_MAX, Failover
from drip.mail.smtp import SmtpTransport
from drip.mail.transport import Transport
from drip.project import open_project
from tests.sinks import CLOSE, HANG, ScriptedServer, reply
from tests.smtp_stories import ACCEPTED, CALM, QUICK, TEMPORARY, UNCERTAIN, relay, run, wire
from tests.stages import copy_example


def smtp(server: ScriptedServer, **more: object) -> SmtpTransport:
    return SmtpTransport(relay(server.port, **more), None, patience=QUICK if more else CALM, hold_off_seconds=0)


async def send(transport: Transport, *numbers: int) -> list[Outcome]:
    async def one(number: int) -> Outcome:
        await transport.ready(1)
        return await transport.send(wire(number))

    return [await one(number) for number in numbers]


def readers(server: ScriptedServer) -> list[str]:
    return [each.recipients[0] for each in server.received]


def test_the_first_that_works_is_used() -> None:
    async def story() -> None:
        async with ScriptedServer({"banner": reply("554 no", "close")}) as away, ScriptedServer() as up:
            transport = Failover([lambda: smtp(away), lambda: smtp(up)])
            await transport.open()
            assert transport.name == f"127.0.0.1:{up.port}"
            assert [each.kind for each in await send(transport, 1, 2)] == [ACCEPTED] * 2
            await transport.close()
            assert readers(away) == []

    run(story)


def test_a_relay_that_needs_what_is_missing_is_passed_over() -> None:
    def broken() -> Transport:
        raise RelayUnreachable("the relay's password file cannot be read: gone")

    async def story() -> None:
        async with ScriptedServer() as up:
            transport = Failover([broken, lambda: smtp(up)])
            await transport.open()
            assert (await transport.send(wire())).kind is ACCEPTED
            await transport.close()
        transport = Failover([broken, broken])
        with pytest.raises(RelayUnreachable, match="password file"):
            await transport.open()
        with pytest.raises(RelayUnreachable, match="password file"):
            await transport.ready(1)

    run(story)


def test_losses_in_a_row_move_on_and_nothing_goes_over_both() -> None:
    async def story() -> None:
        async with ScriptedServer({"rcpt": CLOSE}) as losing, ScriptedServer() as up:
            transport = Failover([lambda: smtp(losing), lambda: smtp(up)])
            await transport.open()
            outcomes = await send(transport, *range(LOSSES_MAX + 2))
            await transport.close()
            assert [each.kind for each in outcomes] == [TEMPORARY] * LOSSES_MAX + [ACCEPTED] * 2
            assert len(readers(up)) == 2

    run(story)


def test_a_message_without_a_verdict_is_not_tried_on_the_other() -> None:
    async def story() -> None:
        async with ScriptedServer({"dot": CLOSE}) as losing, ScriptedServer() as up:
            transport = Failover([lambda: smtp(losing), lambda: smtp(up)])
            await transport.open()
            assert (await transport.send(wire())).kind is UNCERTAIN
            await transport.close()
            assert (len(readers(losing)), readers(up)) == (1, [])

    run(story)


def test_what_is_under_way_is_finished_before_the_relay_is_left() -> None:
    async def story() -> None:
        async with ScriptedServer({"dot": [HANG]}) as slow, ScriptedServer() as up:
            transport = Failover([lambda: smtp(slow, lanes=1), lambda: smtp(up)])
            await transport.open()
            sending = asyncio.create_task(transport.send(wire(1)))
            await slow.reached("data")
            transport._losses = LOSSES_MAX
            await transport.ready(1)
            assert sending.done()
            assert sending.result().kind is UNCERTAIN
            assert transport.name.endswith(str(up.port))
            await transport.close()

    run(story)


def test_two_relays_in_drip_yaml_are_one_way_out(tmp_path: Path) -> None:
    async def story() -> None:
        async with ScriptedServer() as gone:
            port = gone.port
        async with ScriptedServer() as up:
            there = f"server: 127.0.0.1:{port}\n  - server: 127.0.0.1:{up.port}"
            folder = copy_example(tmp_path / "project", relay=there)
            with open_project(folder) as project:
                transport = project.relay()
                await transport.open()
                assert transport.name == f"127.0.0.1:{up.port}"
                await transport.close()

    run(story)
