"""Which addresses a public index may send us to.

A page names the hosts of its files, and servers redirect. So an index on the Internet could make
us ask machines that only we can reach. The rule: unless the configured index itself is on such an
inner address, no other host may be.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

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
_REMEMBERED = 1024


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


class AddressRule:
    """Decides whether a host may be asked on behalf of the index at `index_host`."""

    def __init__(self, index_host: str) -> None:
        self._index_host = index_host
        self._inner: dict[str, bool] = {}

    async def allows(self, host: str, port: int, *, proxied: bool) -> bool:
        """Say whether `host` may be asked; False where any of its addresses is an inner one.

        Where a proxy resolves names, only addresses written out and `localhost` can be judged.
        Raises `OSError` where the name does not resolve.
        """
        if host == self._index_host:
            return True
        if proxied:
            return not _looks_inner(host) or _looks_inner(self._index_host)
        return not await self._is_inner(host, port) or await self._index_is_inner(port)

    async def allows_address(self, address: str, port: int) -> bool:
        """Say whether the address that a connection really reached may have been asked."""
        return not is_inner(address) or await self._index_is_inner(port)

    async def _index_is_inner(self, port: int) -> bool:
        return await self._is_inner(self._index_host, port)

    async def _is_inner(self, host: str, port: int) -> bool:
        known = self._inner.get(host)
        if known is not None:
            return known
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        inner = any(is_inner(str(entry[4][0])) for entry in found)
        if len(self._inner) < _REMEMBERED:
            self._inner[host] = inner
        return inner


def _looks_inner(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        # `inet_aton` reads the short and numeric spellings (127.1, 0x7f000001) as a resolver would.
        return is_inner(socket.inet_ntoa(socket.inet_aton(host)))
    except OSError:
        pass
    try:
        return is_inner(host)
    except ValueError:
        return False
