"""Asking a provider over HTTP: only at addresses that are safe to ask, never on to another, for a bounded answer.

An address is ``https``; plain ``http`` counts on this machine alone, for tests and a provider that runs beside the
service.
"""

import ipaddress
import json
import logging
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx

from api.problems import Problem
from gatekeeper.core.errors import UsageError

log: Final = logging.getLogger("gatekeeper.api.federation")

_MOST_BYTES: Final = 1 << 20
_SECONDS: Final = 5.0
"""Longest silence, and half of the longest answer."""
_LONGEST: Final = 2000


def is_this_machine(host: str | None) -> bool:
    """Return whether a host is this machine, by number or as ``localhost``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def safe_address(url: object) -> bool:
    """Return whether an address may be asked, or shown to a browser."""
    if not isinstance(url, str) or len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        return False
    plain = (
        not parts.username and not parts.password and not parts.fragment and "\\" not in url and bool(parts.hostname)
    )
    return plain and (parts.scheme == "https" or (parts.scheme == "http" and is_this_machine(parts.hostname)))


def require_address(url: str, what: str) -> str:
    """Return an address of the settings as it is.

    Raises:
        UsageError: it cannot be asked.
    """
    if not safe_address(url) or urlsplit(url).query:
        raise UsageError(
            f"{what} is {url[:200]!r}, which is no https address.",
            hint="Plain http is taken on this machine alone; leave query, fragment and user out.",
        )
    return url


class Fetcher:
    """Asks for JSON."""

    def __init__(self, *, transport: httpx.BaseTransport | None = None) -> None:
        self._transport = transport

    def get(self, url: str, *, bearer: str | None = None) -> Mapping[str, object]:
        """Return the object at an address.

        Raises:
            Problem: nobody answers there, or with something else.
        """
        headers = {"Accept": "application/json", **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        status, found = self._ask("GET", url, headers=headers)
        if status != 200:
            raise unanswered(url, f"status {status}")
        return found

    def post(
        self, url: str, fields: Mapping[str, str], *, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, object]]:
        """Return status and object that a form is answered with.

        Raises:
            Problem: nobody answers there, or with something else.
        """
        return self._ask("POST", url, fields=fields, headers={"Accept": "application/json", **headers})

    def _ask(
        self, method: str, url: str, *, headers: Mapping[str, str], fields: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, object]]:
        if not safe_address(url):
            raise unanswered(url, "no address that is asked")
        content, latest = b"", time.monotonic() + 2 * _SECONDS
        local = is_this_machine(urlsplit(url).hostname)
        try:
            with (
                httpx.Client(
                    transport=self._transport, timeout=_SECONDS, follow_redirects=False, trust_env=not local
                ) as client,
                client.stream(method, url, headers=dict(headers), data=dict(fields) if fields else None) as response,
            ):
                for part in response.iter_bytes():
                    content += part
                    if len(content) > _MOST_BYTES or time.monotonic() > latest:
                        raise unanswered(url, "an answer that is too long")
                status = response.status_code
            read = json.loads(content.decode())
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            raise unanswered(url, type(error).__name__) from error
        if not isinstance(read, dict):
            raise unanswered(url, "no object")
        return status, read


def unanswered(url: str, why: str) -> Problem:
    """Return the problem of a provider that does not answer as one does; details are for the log alone."""
    parts = urlsplit(url) if safe_address(url) else None
    log.warning("no usable answer from %s: %s", parts.netloc + parts.path if parts else "an address", why)
    return Problem("provider", "The provider does not answer as it should.", hint="Try again in a minute.")
