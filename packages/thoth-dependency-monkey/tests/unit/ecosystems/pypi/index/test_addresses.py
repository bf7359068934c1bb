import asyncio
import socket

import pytest

from thoth.dependency_monkey.ecosystems.pypi.index.addresses import (
    AddressBook,
    is_inner,
    looks_inner,
)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0",
        "fd00::1", "fec0::1", "ff02::1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a9fe:a9fe",
    ],
)  # fmt: skip
def test_inner_addresses_are_recognised(address: str) -> None:
    assert is_inner(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "203.0.113.7", "172.32.0.1", "2a04:4e42::223", "64:ff9b::808:808"]
)
def test_addresses_of_the_internet_are_not_inner(address: str) -> None:
    assert not is_inner(address)


@pytest.mark.parametrize(
    "host", ["localhost", "a.localhost", "127.1", "2130706433", "0x7f.1", "::1", "10.0.0.1"]
)
def test_every_spelling_of_an_inner_host_is_recognised_without_resolving(host: str) -> None:
    assert looks_inner(host)


@pytest.mark.parametrize("host", ["pypi.org", "8.8.8.8", "localhost.example", "10.example"])
def test_names_are_not_inner_by_their_looks(host: str) -> None:
    assert not looks_inner(host)


def test_a_public_index_may_not_send_us_to_an_inner_address() -> None:
    async def find() -> str | None:
        book = AddressBook("8.8.8.8", timeout=5)
        try:
            return await book.find("127.0.0.1", 80)
        finally:
            await book.close()

    assert asyncio.run(find()) is None
    assert not AddressBook("index.example", timeout=5).allows_by_proxy("10.0.0.1")
    assert AddressBook("index.example", timeout=5).allows_by_proxy("files.example")


def test_an_inner_index_may_send_us_anywhere() -> None:
    async def find() -> tuple[str | None, str | None]:
        book = AddressBook("127.0.0.1", timeout=5)
        try:
            return await book.find("10.0.0.1", 80), await book.find("8.8.8.8", 80)
        finally:
            await book.close()

    assert asyncio.run(find()) == ("10.0.0.1", "8.8.8.8")
    assert AddressBook("localhost", timeout=5).allows_by_proxy("10.0.0.1")


def test_many_questions_for_a_host_are_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def getaddrinfo(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.113.7", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    async def find() -> list[str | None]:
        book = AddressBook("index.example", timeout=5)
        found = await asyncio.gather(*(book.find("index.example", 443) for _ in range(50)))
        book.forget("index.example", 443)
        found.append(await book.find("index.example", 443))
        await book.close()
        return found

    assert asyncio.run(find()) == ["203.0.113.7"] * 51
    assert asked == ["index.example"] * 2


def test_of_several_addresses_the_one_that_answers_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def getaddrinfo(*_: object, **__: object) -> list[object]:
            # 127.0.0.2 is loopback too, but nobody listens there.
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                for address in ("127.0.0.2", "127.0.0.1")
            ]

        original = socket.getaddrinfo
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *a, **k: (
                getaddrinfo() if host == "index.example" else original(host, *a, **k)
            ),
        )

        async def find() -> str | None:
            book = AddressBook("index.example", timeout=5)
            try:
                return await book.find("index.example", port)
            finally:
                await book.close()

        assert asyncio.run(find()) == "127.0.0.1"


def test_a_resolver_that_finds_nothing_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])

    async def find() -> None:
        book = AddressBook("index.example", timeout=5)
        try:
            await book.find("index.example", 80)
        finally:
            await book.close()

    with pytest.raises(OSError, match="no address"):
        asyncio.run(find())


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..b", "no-such-host.invalid"])
def test_a_host_without_address_is_an_os_error(host: str) -> None:
    async def find() -> None:
        book = AddressBook("index.example", timeout=5)
        try:
            await book.find(host, 80)
        finally:
            await book.close()

    with pytest.raises(OSError):
        asyncio.run(find())
