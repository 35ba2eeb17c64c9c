"""The OpenID provider that people log in with: authorization code with PKCE, and nothing else.

Sources: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3.7; RFC 7636 (PKCE); RFC 9207 (who answers); RFC 9700 (best
practice); OpenID Connect RP-Initiated Logout 1.0.

What a log-in takes between its two halves lies in a cookie of the browser that began it: one secret, from which state,
nonce and verifier are made. Nothing is kept on this side, and a state that came back counts once.
"""

import base64
import hmac
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote_plus

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from api.federation.claims import SKEW, Unbelievable, believed, moment_in
from api.federation.fetching import Fetcher, log, safe_address, unanswered
from api.federation.keys import Keys
from api.problems import Problem

FLOW_LASTS: Final = timedelta(minutes=10)
"""Longest time between the two halves of a log-in."""
_METADATA_KEPT: Final = timedelta(hours=1)
_ASKED_EVERY: Final = timedelta(seconds=10)
_ISSUED_WITHIN: Final = timedelta(minutes=10)
_LONGEST: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """Under which names service and provider know each other."""

    issuer: str
    client_id: str
    secret: str = field(default="", repr=False)
    """Empty for a client without one."""
    redirect_uri: str
    """Exactly as it is registered at the provider."""
    leave_uri: str
    """Where the provider leads to after a log-out."""
    name: str
    """For the sign-in page."""
    claim: str = "sub"
    """Which claim names a person: ``sub`` or ``email``."""
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Who logged in, as the provider says and was checked."""

    issuer: str
    claim: str
    value: str
    auth_time: datetime | None
    """When they proved who they are; ``None`` where the provider does not say."""
    amr: tuple[str, ...]
    acr: str | None


class Provider:
    """One provider."""

    def __init__(
        self,
        settings: ProviderSettings,
        *,
        fetcher: Fetcher | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self._fetcher = fetcher or Fetcher()
        self._now = now
        self._lock = threading.Lock()
        self._metadata: Mapping[str, object] = {}
        self._read: datetime | None = None
        self._asked: datetime | None = None
        self._keys = Keys(lambda: self._fetcher.get(self._endpoint("jwks_uri")), now=now)

    def metadata(self) -> Mapping[str, object]:
        """Return what the provider says of itself, at most an hour old.

        Raises:
            Problem: it does not answer, or calls itself by another name.
        """
        with self._lock:
            moment = self._now()
            if self._read is None or moment - self._read >= _METADATA_KEPT:
                if self._asked is not None and timedelta() <= moment - self._asked < _ASKED_EVERY:
                    # Whoever waited for the lock meanwhile is not kept waiting for another silence.
                    raise unanswered(self.settings.issuer, "it did not a moment ago")
                self._asked = moment
                url = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
                found = self._fetcher.get(url)
                methods, kinds = found.get("code_challenge_methods_supported"), found.get("response_types_supported")
                if found.get("issuer") != self.settings.issuer:
                    raise unanswered(url, "another issuer than the one that was asked")
                if isinstance(methods, list) and "S256" not in methods:
                    raise unanswered(url, "no PKCE with S256")
                if isinstance(kinds, list) and "code" not in kinds:
                    raise unanswered(url, "no authorization code")
                self._metadata, self._read = found, moment
            return self._metadata

    def authorization(self, secret: str, *, longest: timedelta, again: bool) -> str:
        """Return where a browser begins to log in.

        Args:
            secret: random, and known to this browser alone.
            longest: how long ago the person may have proved who they are, without being asked again.
            again: whether they are asked in any case.

        Raises:
            Problem: the provider does not answer.
        """
        settings = self.settings
        more: dict[str, str] = {"prompt": "login"} if again else {}
        url: str = prepare_grant_uri(
            self._endpoint("authorization_endpoint"),
            client_id=settings.client_id,
            response_type="code",
            redirect_uri=settings.redirect_uri,
            scope=" ".join(
                dict.fromkeys(("openid", *(("email",) if settings.claim == "email" else ()), *settings.scopes))
            ),
            state=state_of(secret),
            nonce=_derived(secret, "nonce"),
            code_challenge=create_s256_code_challenge(_derived(secret, "verifier")),
            code_challenge_method="S256",
            max_age=str(int(longest.total_seconds())),
            **more,
        )
        return url

    def finish(
        self, secret: str, answer: Mapping[str, str], *, began: datetime, longest: timedelta, again: bool
    ) -> Verified:
        """Return who logged in.

        Args:
            secret: of the browser that began; that ``answer`` carries its state was checked.
            answer: the parameters that the browser came back with.
            began: when it began.
            longest: as the log-in was asked for.
            again: as the log-in was asked for.

        Raises:
            Problem: the provider does not answer, or nobody logged in in a way that counts.
        """
        metadata = self.metadata()
        said = answer.get("iss")
        if said is None and metadata.get("authorization_response_iss_parameter_supported") is True:
            raise _refused("the answer does not say who gives it")
        if said is not None and said != self.settings.issuer:
            raise _refused("somebody else answered")
        if "error" in answer:
            raise _refused(f"the provider said {answer['error'][:60]!r}")
        code = answer.get("code", "")
        if not code or len(code) > _LONGEST:
            raise _refused("the answer holds no code")
        tokens = self._exchange(code, secret)
        try:
            return self._verified(tokens, secret, began=began, longest=longest, again=again)
        except Unbelievable as error:
            raise _refused(f"the id token does not count: {error}") from error

    def leaving(self) -> str | None:
        """Return where a browser ends its log-in at the provider; ``None`` where it offers no such thing."""
        try:
            url = self.metadata().get("end_session_endpoint")
        except Problem:
            return None
        if not isinstance(url, str) or not safe_address(url):
            return None
        mark = "&" if "?" in url else "?"
        return (
            f"{url}{mark}client_id={quote_plus(self.settings.client_id)}"
            f"&post_logout_redirect_uri={quote_plus(self.settings.leave_uri)}"
        )

    def _endpoint(self, name: str) -> str:
        url = self.metadata().get(name)
        if not isinstance(url, str) or not safe_address(url):
            raise unanswered(self.settings.issuer, f"no {name}")
        return url

    def _exchange(self, code: str, secret: str) -> Mapping[str, object]:
        settings = self.settings
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": settings.redirect_uri,
            "code_verifier": _derived(secret, "verifier"),
        }
        headers = {}
        offered = self.metadata().get("token_endpoint_auth_methods_supported")
        if not settings.secret:
            fields["client_id"] = settings.client_id
        elif isinstance(offered, list) and "client_secret_basic" not in offered and "client_secret_post" in offered:
            fields |= {"client_id": settings.client_id, "client_secret": settings.secret}
        else:
            # RFC 6749, section 2.3.1: both are form-encoded first.
            pair = f"{quote_plus(settings.client_id)}:{quote_plus(settings.secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        url = self._endpoint("token_endpoint")
        status, tokens = self._fetcher.post(url, fields, headers=headers)
        if status >= 500:
            raise unanswered(url, f"status {status}")
        if status != 200 or not isinstance(tokens.get("id_token"), str):
            raise _refused(f"the code was not taken: {str(tokens.get('error', status))[:60]!r}")
        return tokens

    def _verified(
        self, tokens: Mapping[str, object], secret: str, *, began: datetime, longest: timedelta, again: bool
    ) -> Verified:
        settings, moment = self.settings, self._now()
        claims = believed(str(tokens["id_token"]), self._keys, issuer=settings.issuer, now=moment)
        if claims.get("aud") not in (settings.client_id, [settings.client_id]):
            raise Unbelievable("it is made out to somebody else")
        if claims.get("azp", settings.client_id) != settings.client_id:
            raise Unbelievable("it was given to somebody else")
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), _derived(secret, "nonce").encode()):
            raise Unbelievable("it belongs to another log-in")
        issued = moment_in(claims, "iat")
        if issued is None or moment - issued > _ISSUED_WITHIN:
            raise Unbelievable("it is old")
        auth_time = moment_in(claims, "auth_time")
        _require_recent(auth_time, moment, began=began, longest=longest, again=again)
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise Unbelievable("it names nobody")
        value = subject if settings.claim == "sub" else self._email(claims, tokens, subject)
        return Verified(
            issuer=settings.issuer,
            claim=settings.claim,
            value=value,
            auth_time=auth_time,
            amr=_words(claims.get("amr")),
            acr=acr[:200] if isinstance(acr := claims.get("acr"), str) else None,
        )

    def _email(self, claims: Mapping[str, Any], tokens: Mapping[str, object], subject: str) -> str:
        """Return the verified e-mail address in small letters, from the token or else from the provider itself."""
        said: Mapping[str, object] = claims
        access = tokens.get("access_token")
        if "email" not in claims and isinstance(access, str):
            said = self._fetcher.get(self._endpoint("userinfo_endpoint"), bearer=access)
            if said.get("sub") != subject:
                raise Unbelievable("the provider speaks of somebody else")
        email = said.get("email")
        if not isinstance(email, str) or not email.isascii() or not email.isprintable() or email.count("@") != 1:
            raise Unbelievable("there is no e-mail address")
        if said.get("email_verified") is not True:
            raise Unbelievable("the e-mail address is not verified")
        return email.lower()


def state_of(secret: str) -> str:
    """Return the state of a log-in that a browser with this secret began."""
    return _derived(secret, "state")


def _derived(secret: str, what: str) -> str:
    """Return 256 bits, in 43 characters of base64url, that only whoever holds the secret can know."""
    digest = hmac.new(secret.encode(), f"gatekeeper log-in {what}".encode(), "sha256").digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _require_recent(
    auth_time: datetime | None, moment: datetime, *, began: datetime, longest: timedelta, again: bool
) -> None:
    if auth_time is None:
        if again:
            raise Unbelievable("it does not say when the person proved who they are")
        return
    if auth_time > moment + SKEW:
        raise Unbelievable("its log-in is from the future")
    if moment - auth_time > longest + SKEW or (again and auth_time < began - SKEW):
        raise Unbelievable("the person was not asked again")


def _words(value: object) -> tuple[str, ...]:
    """Return a claim's list of words, as far as they are words."""
    listed = value if isinstance(value, list) else []
    return tuple(each[:200] for each in listed if isinstance(each, str))[:20]


def _refused(why: str) -> Problem:
    log.warning("a log-in was refused: %s", why)
    return Problem("log-in-refused", "The log-in does not count.", hint="Begin it again from the sign-in page.")
