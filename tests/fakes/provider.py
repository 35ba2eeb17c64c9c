"""An OpenID provider and a platform of CI jobs, with keys made here, that a fetcher asks without a network.

What a provider answers can be changed part by part, as an attacker or a fault would.
"""

import base64
import hashlib
import json
import secrets
import time
from functools import lru_cache
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from api.federation.fetching import Fetcher

ISSUER = "https://id.example"
CLIENT, SECRET = "gate keeper", "s+cret/ü%"
RETURN = "https://gate.example/sign-in/return"


@lru_cache
def rsa(name="one"):
    """An RSA key, made once."""
    return RSAKey.generate_key(2048, parameters={"kid": name, "use": "sig", "alg": "RS256"})


@lru_cache
def curve(name="curve"):
    """A key on P-256, made once."""
    return ECKey.generate_key("P-256", parameters={"kid": name, "use": "sig"})


def signed(claims, *, key=None, algorithm="RS256", **header):
    """A token over claims."""
    key = key or rsa()
    said = {"alg": algorithm, "kid": key.kid, **header}
    said = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(said, claims, key, algorithms=[algorithm])


def unsigned(header, claims, signature=b""):
    """Whatever somebody writes down as a token."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


class Platform:
    """Discovery and keys of one issuer."""

    def __init__(self, issuer=ISSUER):
        self.issuer, self.keys, self.down, self.asked = issuer, [rsa()], False, []
        self.metadata = {"issuer": issuer, "jwks_uri": f"{issuer}/keys"}
        self.fetcher = Fetcher(transport=httpx.MockTransport(self.answer))

    def answer(self, request):
        path = str(request.url).removeprefix(self.issuer)
        self.asked.append(path)
        if self.down:
            raise httpx.ConnectError("nobody there")
        if path == "/.well-known/openid-configuration":
            return httpx.Response(200, json=self.metadata)
        if path == "/keys":
            return httpx.Response(200, json={"keys": [key.as_dict(private=False) for key in self.keys]})
        return self.other(request, path)

    def other(self, _request, _path):
        return httpx.Response(404, json={})


class FakeProvider(Platform):
    """A provider that checks what a real one checks, and says what it is told to say."""

    def __init__(self, issuer=ISSUER):
        super().__init__(issuer)
        self.metadata |= {
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/me",
            "end_session_endpoint": f"{issuer}/leave",
            "code_challenge_methods_supported": ["S256"],
            "response_types_supported": ["code"],
            "authorization_response_iss_parameter_supported": True,
        }
        self.codes, self.claims, self.header, self.tokens = {}, {}, {}, {}
        self.userinfo = {}
        self.signing = {}

    def log_in(self, url, subject="dana-at-id", *, ago=0, **claims):
        """Somebody proves who they are on the provider's own page; return the parameters of the way back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query, strict_parsing=True).items()}
        assert (asked["client_id"], asked["redirect_uri"]) == (CLIENT, RETURN)
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        code, now = secrets.token_urlsafe(), int(time.time())
        said = {
            "iss": self.issuer,
            "sub": subject,
            "aud": CLIENT,
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
            "auth_time": now - ago,
            "amr": ["pwd", "otp"],
            **claims,
        }
        self.codes[code] = (asked, {name: value for name, value in said.items() if value is not None})
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    def other(self, request, path):
        if path == "/me":
            return httpx.Response(200, json=self.userinfo)
        assert path == "/token"
        fields = dict(parse_qsl(request.content.decode(), strict_parsing=True))
        scheme, _, pair = request.headers["authorization"].partition(" ")
        client, _, secret = base64.b64decode(pair).decode().partition(":")
        assert (scheme, unquote_plus(client), unquote_plus(secret)) == ("Basic", CLIENT, SECRET)
        asked, claims = self.codes.pop(fields["code"], (None, None))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(fields["code_verifier"].encode()).digest())
        fits = asked is not None and asked["code_challenge"] == challenge.decode().rstrip("=")
        if not fits or fields["redirect_uri"] != asked["redirect_uri"]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        claims = {name: value for name, value in {**claims, **self.claims}.items() if value is not None}
        tokens = {"access_token": "at", "token_type": "Bearer", "id_token": signed(claims, **self.signing)}
        return httpx.Response(200, json={**tokens, **self.tokens})
