"""Names to addresses by the system's resolver, with threads of its own: a slow name server holds up only its names."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

KEPT_S = 20.0
_KEPT_NAMES = 4096
_THREADS = 16


class SystemResolver:
    """Looks each name up once at a time, and keeps what it finds for some seconds.

    Whoever calls must still check the addresses: keeping them is for speed, pinning is for safety.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolver")
        self._found: dict[tuple[str, int], tuple[float, Sequence[str]]] = {}
        self._asking: dict[tuple[str, int], asyncio.Future[Sequence[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Raises OSError or UnicodeError if the name has no address."""
        if _is_address(host):
            return (host,)
        loop = asyncio.get_running_loop()
        kept = self._found.get((host, port))
        if kept is not None and loop.time() < kept[0]:
            return kept[1]
        asking = self._asking.get((host, port))
        if asking is None or asking.get_loop() is not loop:
            asking = asyncio.ensure_future(self._ask(host, port))
            self._asking[host, port] = asking
            asking.add_done_callback(lambda _: self._asking.pop((host, port), None))
        # One who stops waiting must not take the answer from the others.
        return await asyncio.shield(asking)

    async def _ask(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host, port)
        if len(self._found) >= _KEPT_NAMES:
            self._found.clear()
        self._found[host, port] = (loop.time() + KEPT_S, found)
        return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _look_up(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(info[4][0]) for info in found))
