"""E-mail addresses, internet addresses and links: found from the one sign that each must hold, then read around it."""

import ipaddress
import re
from collections.abc import Iterator

from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.page import Page, words

_LABEL = r"[^\W_](?:[\w\-]{0,61}[^\W_])?"
_USER = re.compile(r"(?<![\w.+\-])[^\W_](?:[\w.%+'\-]*[\w+\-])?$")
_HOST = re.compile(rf"(?:{_LABEL}\.)+(?:[^\W\d_]{{2,24}}|xn--[a-z0-9\-]+)(?![\w\-])")
_LONGEST_USER = 65
_LONGEST_HOST = 255
_IPV4 = re.compile(r"[0-9](?<![\w.\-].)[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?![\w\-]|\.[0-9])")
_IPV6_SIGN = re.compile(r":[0-9A-Fa-f]{0,4}:")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:|:(?=:)){2,7}(?::|[0-9A-Fa-f]{1,4}){0,2}(?![\w:])")
_LINK_SIGN = re.compile(r":(?=//)|[wW](?=[wW]{2}\.)")
_MAC_SIGN = re.compile(r"[:\-][0-9A-Fa-f]{2}[:\-]")
_MAC = re.compile(
    r"[0-9A-Fa-f](?<![\w:\-].)[0-9A-Fa-f](?P<sign>[:\-])(?:[0-9A-Fa-f]{2}(?P=sign)){4}[0-9A-Fa-f]{2}(?![\w:\-])"
)
_VERSION = words(r"v|ver|version|release|section|chapter|build")
_LINK = re.compile(r"(?:[hH][tT][tT][pP][sS]?://|[fF][tT][pP]://|[wW]{3}\.)[^\s\x00<>\"'`{}|\\^\[\]]{3,}")
_BARE = re.compile(
    rf"(?<![@\w.\-/])(?:{_LABEL}\.)+(?:com|org|net|edu|gov|io|info|biz|co\.uk|org\.uk|de|fr|it|es|nl|se|pl|eu)"
    rf"(?![\w\-@.]|/\w)"
)
_BARE_SIGN = re.compile(r"\.(?:com|org|net|edu|gov|io|info|biz|co\.uk|org\.uk|de|fr|it|es|nl|se|pl|eu)(?![\w\-@])")
_LOCAL = tuple(ipaddress.ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "0.0.0.0/8"))


def internet_names(page: Page) -> Iterator[PiiMatch]:
    """Yield e-mail, IP and hardware addresses, and links."""
    yield from _emails(page)
    yield from _links(page)
    yield from _addresses(page)


def _emails(page: Page) -> Iterator[PiiMatch]:
    text = page.text
    at = text.find("@")
    while at >= 0:
        host = _HOST.match(text, at + 1, min(len(text), at + _LONGEST_HOST))
        user = _USER.search(text, max(0, at - _LONGEST_USER), at) if host else None
        if host and user:
            yield PiiMatch(type="EMAIL_ADDRESS", start=user.start(), end=host.end(), score=1.0)
        at = text.find("@", at + 1)


def _links(page: Page) -> Iterator[PiiMatch]:
    text = page.text
    done = 0
    for sign in _LINK_SIGN.finditer(text):
        begins = (sign.start() - 5, sign.start() - 4, sign.start() - 3) if sign.group() == ":" else (sign.start(),)
        match = next((match for at in begins if at >= done and (match := _LINK.match(text, at))), None)
        if match is not None:
            done = match.end()
            link = match.group().rstrip(".,;:!?)*_")
            yield PiiMatch(type="URL", start=match.start(), end=match.start() + len(link), score=0.95)
    for sign in _BARE_SIGN.finditer(text):
        start = max(0, sign.start() - 64)
        for match in _BARE.finditer(text, start, min(len(text), sign.end() + 8)):
            if match.end() == sign.end():
                yield PiiMatch(type="URL", start=match.start(), end=match.end(), score=0.6)


def _addresses(page: Page) -> Iterator[PiiMatch]:
    text = page.text
    found = list(_IPV4.finditer(text))
    for sign in _IPV6_SIGN.finditer(text):
        start, end = page.window(sign.start(), sign.end(), wide=45)
        found.extend(
            match for match in _IPV6.finditer(text, start, end) if match.start() <= sign.start() < match.end()
        )
    for match in found:
        if not _VERSION.search(text, max(0, match.start() - 12), match.start()) and _of_somebody(match.group()):
            yield PiiMatch(type="IP_ADDRESS", start=match.start(), end=match.end(), score=0.9)
    for sign in _MAC_SIGN.finditer(text):
        hardware = _MAC.match(text, max(0, sign.start() - 2))
        if hardware is not None:
            yield PiiMatch(type="MAC_ADDRESS", start=hardware.start(), end=hardware.end(), score=0.9)


def _of_somebody(written: str) -> bool:
    """Return whether this is an address that one machine on the internet has."""
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    nobody = address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local
    local = any(address in block for block in _LOCAL if block.version == address.version)
    return not nobody and not local and not written.startswith("255.")
