"""What a browser sends: fields of a form, each once, and cookies that only this service sets and reads."""

import ipaddress
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from api.problems import Problem

_TYPE: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 20


def fields_of(request: Request, body: bytes) -> Mapping[str, str]:
    """Return the fields of a form; line ends are written as one character.

    Raises:
        Problem: it is no form, or a field stands in it twice.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise Problem("payload", "A page takes what its own form sends.", hint="Use the form.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise Problem("payload", "The form cannot be read.", hint="Use the form.") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Problem("payload", "A field of the form stands there twice.", hint="Use the form.")
    return {name: value.replace("\r\n", "\n") for name, value in fields.items()}


def cookie_name(request: Request, what: str) -> str:
    """Return the name of a cookie; away from the machine itself one that browsers take over TLS alone."""
    return f"gatekeeper-{what}" if _local(request) else f"__Host-gatekeeper-{what}"


def set_cookie(
    request: Request,
    response: Response,
    what: str,
    value: str,
    *,
    lasts: int,
    samesite: Literal["strict", "lax"] = "strict",
) -> None:
    """Give the browser a cookie that no script reads and no other site sends; ``lasts`` is in seconds.

    One that is ``lax`` also comes along when another site leads here, as a provider does after a log-in.
    """
    response.set_cookie(
        cookie_name(request, what),
        value,
        max_age=lasts,
        path="/",
        secure=not _local(request),
        httponly=True,
        samesite=samesite,
    )


def drop_cookie(request: Request, response: Response, what: str) -> None:
    """Take a cookie back."""
    set_cookie(request, response, what, "", lasts=0)


def cookie(request: Request, what: str) -> str | None:
    """Return what the browser sent, or ``None``."""
    return request.cookies.get(cookie_name(request, what))


def _local(request: Request) -> bool:
    """Return whether the browser reached the service under a name of its own machine."""
    host = request.url.hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
