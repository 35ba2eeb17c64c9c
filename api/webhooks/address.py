"""Where a webhook may be sent: a rule for its text, and another for every address that its name stands for.

Nobody but the settings file says which hosts may be named, and nothing that a name resolves to is trusted because of
the name. An address must be public, or lie in a network that the settings name; link-local, multicast and unspecified
addresses, among them the metadata services of clouds, are refused even then.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from gatekeeper.core.errors import UsageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST: Final = 1024
"""Characters of a URL."""

_TEXT: Final = re.compile(r"https://[!-~]+")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_TARGET: Final = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")
_PORT: Final = 443

_NEVER: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "::ffff:0:0/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
        "fd00:ec2::/32",
        "100.100.100.200/32",
        "168.63.129.16/32",
    )
)
"""What no setting opens: this network, link-local (where clouds keep their metadata), multicast, broadcast, the
metadata addresses that lie elsewhere, and IPv6 addresses that carry an IPv4 address: mapped, translated, NAT64,
Teredo and 6to4."""


_NOT_PUBLIC: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(each)
    for each in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
    )
)
"""Special purposes in the registries of RFC 6890: what the interpreter's own tables say differs between versions."""

_GLOBAL: Final = ipaddress.IPv6Network("2000::/3")
"""What is given out of IPv6; everything else has a purpose of its own or none yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL, taken apart."""

    host: str
    """Lower case, ASCII: a name, or an address without brackets."""
    port: int
    path: str
    """Path and query, as they are sent."""

    @property
    def authority(self) -> str:
        """What ``Host`` says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORT else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Which hosts may be named, and which addresses reached."""

    hosts: frozenset[str] = frozenset()
    """``name``, ``name:port``, ``[address]``, or ``*.name`` for everything below a name, as ``Host`` would say it.

    Empty: nothing may be sent anywhere.
    """
    networks: tuple[Network, ...] = ()
    """Addresses that may be reached although they are not public."""

    def target(self, url: str) -> Target:
        """Return a URL taken apart, when it may be named.

        Raises:
            UsageError: it may not, with the reason.
        """
        target = parse(url)
        port = "" if target.port == _PORT else f":{target.port}"
        labels = target.host.split(".")
        wild = {f"*.{'.'.join(labels[at:])}{port}" for at in range(1, len(labels))}
        if not ({target.authority} | wild) & self.hosts:
            raise UsageError(
                f"The settings do not allow webhooks to {target.authority}.",
                hint="Name the host under [webhooks] hosts in gatekeeper.toml.",
            )
        return target

    def may_reach(self, address: Address) -> bool:
        """Return whether an address may be connected to."""
        if _within(address, _NEVER):
            return False
        return _within(address, self.networks) or _is_public(address)


def parse(url: str) -> Target:
    """Return a URL taken apart.

    Raises:
        UsageError: it is none that could be sent to: not https, or with anything that two readers could read
            differently: user names, fragments, spaces, backslashes, letters outside ASCII, numbers for addresses.
    """
    if len(url) > LONGEST or _TEXT.fullmatch(url) is None or "\\" in url or "#" in url or "@" in _authority(url):
        raise _bad("It begins with https://, is plain ASCII, and names nobody and no fragment.")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError as error:
        raise _bad("Its host or port is none.") from error
    if port == 0 or parts.netloc.endswith(":"):
        raise _bad("Its port is none.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if _TARGET.fullmatch(path) is None:
        raise _bad("Its path holds a character that has to be written with %.")
    return Target(host=_host(host, bracketed=parts.netloc.startswith("[")), port=port or _PORT, path=path)


def _is_public(address: Address) -> bool:
    """Return whether an address belongs to somebody on the Internet."""
    if isinstance(address, ipaddress.IPv6Address) and (address.scope_id is not None or address not in _GLOBAL):
        return False
    return address.is_global and not address.is_multicast and not _within(address, _NOT_PUBLIC)


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _authority(url: str) -> str:
    return re.split(r"[/?#]", url.removeprefix("https://"), maxsplit=1)[0]


def _host(host: str, *, bracketed: bool) -> str:
    """Return a host, when it is a name of labels or an address in its one usual spelling."""
    if bracketed:
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError as error:
            raise _bad("Its IPv6 address is none.") from error
        if address.scope_id is not None:
            raise _bad("An IPv6 address has no zone here.")
        return address.compressed
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad("Its host is no name.")
    if labels[-1].isdigit() or re.fullmatch(r"0x[0-9a-f]*", labels[-1]):
        try:  # only the usual spelling: no octal, no hexadecimal, no short forms
            return str(ipaddress.IPv4Address(host))
        except ValueError as error:
            raise _bad("A number is no host.") from error
    return host


def _bad(why: str) -> UsageError:
    return UsageError(f"A webhook cannot be sent there. {why}", hint="Give a URL such as https://hooks.example.com/x.")
