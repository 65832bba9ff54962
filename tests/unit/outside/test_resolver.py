"""Looking names up: once at a time, never through a thread for what is an address already."""

import asyncio
import socket
import threading

import pytest

from meetfleet.outside import resolver as room
from meetfleet.outside.resolver import SystemResolver

ANSWER = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))]


class SlowSystem:
    """The operating system's resolver, which answers when it is let."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.free = threading.Event()

    def getaddrinfo(self, host: str, port: int, type: int) -> object:
        self.asked.append(host)
        if host.startswith("slow"):
            assert self.free.wait(10)
        return ANSWER


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> SlowSystem:
    system = SlowSystem()
    monkeypatch.setattr(room.socket, "getaddrinfo", system.getaddrinfo)
    return system


async def test_an_address_needs_no_looking_up(system: SlowSystem) -> None:
    assert await SystemResolver()("192.0.2.7", 80) == ("192.0.2.7",)
    assert system.asked == []


async def test_many_who_ask_at_once_share_one_answer_which_is_kept(system: SlowSystem) -> None:
    resolve = SystemResolver()
    answers = await asyncio.gather(*(resolve("hooks.example.org", 443) for _ in range(50)))
    assert set(answers) == {("8.8.8.8",)}
    await resolve("hooks.example.org", 443)
    assert system.asked == ["hooks.example.org"]


async def test_a_name_that_takes_long_holds_up_no_other_and_outlives_who_gave_up(system: SlowSystem) -> None:
    resolve = SystemResolver()
    waiting = [asyncio.create_task(resolve("slow.example.org", 443)) for _ in range(200)]
    await asyncio.sleep(0)
    assert await asyncio.wait_for(resolve("hooks.example.org", 443), 5) == ("8.8.8.8",)
    waiting[0].cancel()
    system.free.set()
    assert await waiting[1] == ("8.8.8.8",)
    assert system.asked.count("slow.example.org") == 1
