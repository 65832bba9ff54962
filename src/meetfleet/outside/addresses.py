"""Which addresses may be called: nobody may use our webhooks to reach what only our network can reach."""

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from meetfleet.domain.errors import InvalidRequest, ProviderError
from meetfleet.outside.resolver import SystemResolver

URL_MAX_CHARS = 2048
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        "64:ff9b:1::/48",  # NAT64 for use inside one network. Source: RFC 8215.
        "::/96",  # IPv4-compatible addresses, which nobody uses any more. Source: RFC 4291 section 2.5.5.1.
        "fec0::/10",  # site-local, deprecated. Source: RFC 3879.
        "2001:db8::/32",
        "3fff::/20",  # documentation. Source: RFC 9637.
        "5f00::/16",  # segment routing inside one network. Source: RFC 9602.
        "192.88.99.0/24",  # relays of 6to4. Source: RFC 7526.
        "168.63.129.16/32",  # what Azure's own machines ask. Source: learn.microsoft.com, "What is IP 168.63.129.16".
    )
)
_ISATAP = (0x00005EFE, 0x02005EFE)


class AddressRefused(ProviderError):
    """The name leads into a private network."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"'{host}' is a private address; the operator can allow those with MEETFLEET_ALLOW_PRIVATE_WEBHOOKS.",
            code="address_refused",
        )


class AddressGuard:
    """Looks names up once and hands out the addresses themselves, so that a name cannot change its mind in between.

    Args:
        allow_private: Whether loopback, private and link-local addresses may be called, too.
        resolve: Name and port to addresses; the system's resolver by default.
    """

    def __init__(self, *, allow_private: bool, resolve: Resolve | None = None) -> None:
        self._allow_private = allow_private
        self._resolve = resolve or SystemResolver()

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Where `host` may be called, best first.

        Raises:
            AddressRefused: one of its addresses is private.
            ProviderError: it has none.
        """
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise ProviderError(f"The host '{host}' is not known.", code="host_unknown", retryable=True) from error
        if not found:
            raise ProviderError(f"The host '{host}' has no address.", code="host_unknown", retryable=True)
        if not self._allow_private and not all(is_public(address) for address in found):
            raise AddressRefused(host)
        return found

    async def check_url(self, url: str) -> str:
        """The URL itself, if it is one that we would call now. A name that does not resolve yet is let through.

        Raises:
            InvalidRequest: it is no http(s) URL, or leads into a private network.
        """
        host, port = url_target(url)
        try:
            await self.addresses(host, port)
        except AddressRefused as error:
            raise InvalidRequest(error.message, code="address_refused") from error
        except ProviderError:
            pass
        return url


def url_target(url: str) -> tuple[str, int]:
    """Host and port of an http(s) URL.

    Raises:
        InvalidRequest: it is another kind of URL, has a password in it, or is too long.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, None
    plain = url.isascii() and url.isprintable() and " " not in url
    if parts is None or not host or not plain or parts.scheme not in ("http", "https") or len(url) > URL_MAX_CHARS:
        raise InvalidRequest("A webhook URL is an absolute http or https URL.", code="invalid_url")
    if parts.username is not None or parts.password is not None:
        raise InvalidRequest("A webhook URL holds no user name or password.", code="invalid_url")
    return host, port or (443 if parts.scheme == "https" else 80)


@lru_cache(8192)
def is_public(address: str) -> bool:
    """Whether the whole internet can reach this address, and so can every IPv4 address that an IPv6 one wraps."""
    try:
        parsed: _Address = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return _is_plain_public(parsed)
    inner = _embedded(parsed)
    # Mapped and translated addresses are nothing but their IPv4 address; tunnels must be public themselves, too.
    own = parsed.ipv4_mapped is not None or parsed in _NAT64 or _is_plain_public(parsed)
    return own and all(_is_plain_public(one) for one in inner)


def _is_plain_public(address: _Address) -> bool:
    if any(address in network for network in _SPECIAL if network.version == address.version):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _embedded(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that a packet to this one may come out at."""
    value = int(address)
    if address in _NAT64 or (value >> 32) & 0xFFFFFFFF in _ISATAP:
        return [ipaddress.IPv4Address(value & 0xFFFFFFFF)]
    return [one for one in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())) if one is not None]
