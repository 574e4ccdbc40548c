"""A forwarder that dies while somebody waits for it to speak."""

import asyncio
import time
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from sandbox.proving import keeping
from sandbox.proving.child import Order
from sandbox.proving.keeping import Keeper, Unstarted
from tests.sandbox.proving.planted_child import deaf, mute


def test_who_waits_for_one_that_dies_does_not_keep_its_successor_from_being_heard() -> None:
    """The line of the dead is closed, and that of its successor has the same number. On a busy
    machine the end of a wait and the death may be seen one right after the other, as here."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        async with Keeper(Order(Path("none"), {}, 0, 1.0), deaf) as keeper:

            def strike() -> None:
                assert keeper._process is not None
                sentinel = keeper._process.sentinel
                assert keeper.kill()
                assert wait([sentinel], 30)

            await keeper.port()
            asking = asyncio.create_task(keeper.waiting())
            await asyncio.sleep(0.1)
            loop.call_later(0.01, time.sleep, 0.6)
            loop.call_later(0.02, strike)
            async with asyncio.timeout(25):
                assert await asking is None
                assert await keeper.port() == 1
            assert keeper.kills == 1

    asyncio.run(run())


def test_one_that_does_not_say_where_it_is_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "PATIENCE", 0.3)

    async def run() -> None:
        async with Keeper(Order(Path("none"), {}, 0, 1.0), mute) as keeper:
            await keeper.port()

    with pytest.raises(Unstarted, match=r"has not started within 0\.3 s"):
        asyncio.run(run())
