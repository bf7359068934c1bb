"""Addresses of servers: resolved once, and judged before anything is sent there.

A page names the hosts of its files, and servers redirect. So an index on the Internet could make
us ask machines that only we can reach. The rule: unless the configured index itself is on such an
inner address, no other host may be. Connections go to the very address that was judged, so a name
that resolves differently the next time does not get around the rule.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import chain, zip_longest

# Not `is_private`: that also covers documentation ranges, which some networks route to mirrors.
_INNER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
        "::/128",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_NAT64 = ip_network("64:ff9b::/96")
_REMEMBERED = 256
_REMEMBERED_FOR = 300.0
_TRIED = 4
_HEAD_START = 0.25


def is_inner(address: str) -> bool:
    """Say whether an IP address is loopback, private, link-local, shared, multicast or reserved.

    IPv4 addresses inside IPv6 ones (mapped, 6to4, NAT64) count as what they lead to. Raises
    `ValueError` where `address` is no IP address.
    """
    parsed = ip_address(address.partition("%")[0])
    return any(
        candidate in network
        for candidate in (parsed, _embedded(parsed))
        if candidate is not None
        for network in _INNER
        if candidate.version == network.version
    )


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def looks_inner(host: str) -> bool:
    """Say, without resolving it, whether a host is an inner address written out, or `localhost`."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with suppress(OSError):
        # Reads the short and numeric spellings (127.1, 0x7f000001) as a resolver would.
        return is_inner(socket.inet_ntoa(socket.inet_aton(host)))
    with suppress(ValueError):
        return is_inner(host)
    return False


class AddressBook:
    """Resolves hosts, each once in a while, and says which may be asked on behalf of one index.

    Seldom is more than thrift: resolvers drop bursts of questions, which are repeated after five
    seconds only.
    """

    def __init__(self, index_host: str, timeout: float) -> None:
        self._index_host = index_host
        self._timeout = timeout
        self._known: dict[tuple[str, int], tuple[float, asyncio.Task[str | None]]] = {}

    async def find(self, host: str, port: int) -> str | None:
        """Return the address to connect to, or None where the rule forbids the host.

        Raises `OSError` where the host has no address or is not resolved in time.
        """
        key = (host, port)
        now = asyncio.get_running_loop().time()
        since, task = self._known.get(key, (0.0, None))
        if task is None or now - since > _REMEMBERED_FOR:
            while len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]
            task = asyncio.create_task(self._look_up(host, port))
            self._known[key] = (now, task)
        try:
            # Many requests wait for one answer: one that gives up must not take it away.
            return await asyncio.shield(task)
        except OSError:
            self.forget(host, port)
            raise

    def forget(self, host: str, port: int) -> None:
        """Resolve a host anew the next time: its address did not answer."""
        self._known.pop((host, port), None)

    def allows_by_proxy(self, host: str) -> bool:
        """Say whether a proxy may be asked for a host, whose address only the proxy will know."""
        return host == self._index_host or not looks_inner(host) or looks_inner(self._index_host)

    async def close(self) -> None:
        """Stop what is still being resolved."""
        tasks = [task for _, task in self._known.values()]
        self._known.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_up(self, host: str, port: int) -> str | None:
        async with asyncio.timeout(self._timeout):
            addresses = await _resolve(host, port)
            if (
                host != self._index_host
                and any(map(is_inner, addresses))
                and not any(map(is_inner, await _resolve(self._index_host, port)))
            ):
                return None
        if len(addresses) == 1:
            return addresses[0]
        return await _fastest(addresses, port, self._timeout)


async def _resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, without repetition.

    In a thread of its own that nobody waits for: the loop's own ones are joined when the loop ends,
    and a resolver without network may take half a minute.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def settle(addresses: list[str], error: OSError | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(addresses)

    def resolve() -> None:
        addresses: list[str] = []
        error: OSError | None = socket.gaierror(socket.EAI_NONAME, "no address")
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
            error = None if addresses else error
        except OSError as failed:
            error = failed
        except UnicodeError:
            error = socket.gaierror(socket.EAI_NONAME, "no valid host name")
        # The loop may be gone by now; then nobody wants the answer.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, addresses, error)

    threading.Thread(target=resolve, name="thoth-resolve", daemon=True).start()
    return await answer


async def _fastest(addresses: list[str], port: int, timeout: float) -> str:  # noqa: ASYNC109
    """Return the address that takes connections first, the families in turn (RFC 8305)."""
    sixes = [address for address in addresses if ":" in address]
    fours = [address for address in addresses if ":" not in address]
    first, second = (sixes, fours) if ":" in addresses[0] else (fours, sixes)
    turns = [each for each in chain(*zip_longest(first, second)) if each is not None][:_TRIED]
    attempts = [
        asyncio.create_task(_reached(address, port, turn * _HEAD_START))
        for turn, address in enumerate(turns)
    ]
    try:
        for attempt in asyncio.as_completed(attempts, timeout=timeout):
            with suppress(ConnectionError):
                return await attempt
    except OSError:
        # None can be reached: connecting to the first one says how.
        return addresses[0]
    finally:
        for task in attempts:
            task.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)
    return addresses[0]


async def _reached(address: str, port: int, pause: float) -> str:
    await asyncio.sleep(pause)
    _, writer = await asyncio.open_connection(address, port)
    writer.close()
    return address
