"""Nobody may use webhooks to reach what only our network can reach."""

import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.domain.errors import InvalidRequest, ProviderError
from meetfleet.outside.addresses import AddressGuard, AddressRefused, is_public, url_target

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
    "64:ff9b:1::808:808",
    "::8.8.8.8",
    "fec0::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "192.88.99.1",
    "168.63.129.16",
    "2606:4700::5efe:a00:1",
    "no address",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_in_every_disguise_are_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_known(address: str) -> None:
    assert is_public(address)


def disguises(inner: ipaddress.IPv4Address) -> list[str]:
    """IPv6 addresses that lead to this IPv4 address somewhere."""
    value = int(inner)
    numbers = [
        0xFFFF << 32 | value,
        0x64FF9B << 96 | value,
        0x2002 << 112 | value << 80,
        0x20010000 << 96 | 0x8080808 << 64 | (value ^ 0xFFFFFFFF),
        0x20010000 << 96 | value << 64 | (0x8080808 ^ 0xFFFFFFFF),
        0x26064700 << 96 | 0x5EFE << 32 | value,
        0x26064700 << 96 | 0x2005EFE << 32 | value,
    ]
    return [str(ipaddress.IPv6Address(number)) for number in numbers]


@given(
    st.sampled_from([a for a in PRIVATE if a.count(".") == 3 and ":" not in a])
    .map(ipaddress.IPv4Network)
    .flatmap(lambda net: st.ip_addresses(network=net))
    | st.sampled_from(
        ["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"]
    ).flatmap(lambda net: st.ip_addresses(network=net))
)
def test_no_disguise_makes_a_private_address_public(inner: ipaddress.IPv4Address) -> None:
    assert not is_public(str(inner))
    assert [one for one in disguises(inner) if is_public(one)] == []


@given(st.ip_addresses(v=6))
def test_every_ipv6_address_is_judged_without_a_mistake(address: ipaddress.IPv6Address) -> None:
    if is_public(str(address)):
        assert address.is_global or address.ipv4_mapped or str(address).startswith("64:ff9b::")
        assert not address.is_link_local
        assert not address.is_private or address.ipv4_mapped


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_ipv6_clothes_is_judged_alike(address: object) -> None:
    assert is_public(str(address)) == is_public(f"::ffff:{address}")


def guard(*addresses: str, allow_private: bool = False) -> AddressGuard:
    async def resolve(host: str, port: int) -> Sequence[str]:
        if not addresses:
            raise OSError("unknown")
        return addresses

    return AddressGuard(allow_private=allow_private, resolve=resolve)


async def test_a_name_with_one_private_address_among_public_ones_is_refused() -> None:
    with pytest.raises(AddressRefused, match="MEETFLEET_ALLOW_PRIVATE_WEBHOOKS"):
        await guard("8.8.8.8", "10.0.0.1").addresses("hooks.example.org", 443)


async def test_the_operator_can_allow_private_addresses() -> None:
    assert await guard("127.0.0.1", allow_private=True).addresses("localhost", 80) == ("127.0.0.1",)


async def test_a_name_without_addresses_may_have_one_later() -> None:
    with pytest.raises(ProviderError) as caught:
        await guard().addresses("hooks.example.org", 443)
    assert caught.value.retryable


async def test_numbers_are_resolved_as_the_system_would_so_disguised_loopback_is_found() -> None:
    system = AddressGuard(allow_private=False)
    for host in ("127.0.0.1", "0x7f000001", "2130706433", "127.1", "localhost", "::1"):
        with pytest.raises((AddressRefused, ProviderError)):
            await system.addresses(host, 80)


async def test_a_url_into_a_private_network_is_refused_when_it_is_given() -> None:
    with pytest.raises(InvalidRequest) as caught:
        await guard("192.168.0.7").check_url("https://hooks.example.org/in")
    assert caught.value.code == "address_refused"


async def test_a_url_whose_name_is_not_known_yet_is_let_through() -> None:
    assert await guard().check_url("https://hooks.example.org/in") == "https://hooks.example.org/in"


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hooks.example.org/in?x=1", ("hooks.example.org", 443)),
        ("http://hooks.example.org", ("hooks.example.org", 80)),
        ("http://127.0.0.1:8099/", ("127.0.0.1", 8099)),
        ("https://[2606:4700::1111]:8443/in", ("2606:4700::1111", 8443)),
    ],
)
def test_host_and_port_of_a_url(url: str, target: tuple[str, int]) -> None:
    assert url_target(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.org/in",
        "/in",
        "ftp://hooks.example.org/in",
        "file:///etc/passwd",
        "http://",
        "http:///in",
        "https://user:password@hooks.example.org/",
        "https://user@hooks.example.org/",
        "https://hooks.example.org:99999/",
        "https://hooks.example.org:x/",
        "https://[::1/",
        "https://hooks.example.org/a b",
        "https://hooks.example.org/a\r\nx: y",
        "https://hooks.example.org/\0",
        "https://höoks.example.org/",
        "https://hooks.example.org/" + "a" * 2048,
    ],
)
def test_what_is_no_webhook_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        url_target(url)
