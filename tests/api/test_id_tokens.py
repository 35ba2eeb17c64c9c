"""What a provider signs: claims, algorithms and keys, and everything that somebody else wrote in its place."""

import base64
import hashlib
import hmac
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from browsing import Browser
from log_in_world import back, begun, log_in, logging_world, provider_of, refused
from provider import CLIENT, FakeProvider, curve, rsa, signed, unsigned
from quick_world import quick_policy, quick_workspace
from registry import FakeRegistry


@pytest.fixture
def provider():
    return FakeProvider()


@pytest.fixture
def world(workspace, tmp_path, policy, provider):
    return logging_world(workspace, tmp_path, policy, provider)


@pytest.fixture
def browser(world):
    return Browser(world.app, base="https://gate.example")


@pytest.fixture(scope="module")
def calm_world(tmp_path_factory):
    """A service and a provider for everything that lets nobody in, and so leaves nothing behind."""
    root, policy, provider = tmp_path_factory.mktemp("calm"), quick_policy(), FakeProvider()
    opened = quick_workspace(root, FakeRegistry(root=root / "registry"), policies=(policy,))
    yield logging_world(opened, root, policy, provider), provider
    opened.store.close()


@pytest.fixture
def calm(calm_world):
    """A browser of its own, and the provider as it was."""
    world, provider = calm_world
    provider.claims, provider.tokens, provider.signing = {}, {}, {}
    return Browser(world.app, base="https://gate.example"), provider


NOW = int(time.time())


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"iss": "https://evil.example"}, id="issuer"),
        pytest.param({"aud": "another client"}, id="audience"),
        pytest.param({"aud": [CLIENT, "another client"]}, id="two-audiences"),
        pytest.param({"aud": []}, id="no-audience"),
        pytest.param({"aud": None}, id="audience-missing"),
        pytest.param({"azp": "another client"}, id="authorized-party"),
        pytest.param({"nonce": "another"}, id="nonce"),
        pytest.param({"nonce": None}, id="no-nonce"),
        pytest.param({"nonce": 7}, id="nonce-of-another-kind"),
        pytest.param({"exp": NOW - 120}, id="expired"),
        pytest.param({"exp": None}, id="never-expires"),
        pytest.param({"exp": True}, id="expires-true"),
        pytest.param({"exp": "tomorrow"}, id="expires-in-words"),
        pytest.param({"exp": float("inf")}, id="expires-at-infinity"),
        pytest.param({"iat": NOW + 3600}, id="from-the-future"),
        pytest.param({"iat": NOW - 3600, "exp": NOW + 3600}, id="old"),
        pytest.param({"iat": None}, id="never-issued"),
        pytest.param({"nbf": NOW + 3600}, id="not-yet"),
        pytest.param({"sub": None}, id="nobody"),
        pytest.param({"sub": ""}, id="empty-subject"),
        pytest.param({"sub": 7}, id="subject-of-another-kind"),
        pytest.param({"sub": "x" * 256}, id="long-subject"),
        pytest.param({"sub": "somebody-else"}, id="unknown-subject"),
        pytest.param({"sub": "DANA-AT-ID"}, id="another-spelling"),
        pytest.param({"auth_time": NOW - 9 * 3600}, id="proved-long-ago"),
        pytest.param({"auth_time": NOW + 3600}, id="proved-in-the-future"),
        pytest.param({"auth_time": "now"}, id="proved-in-words"),
    ],
)
def test_claims_that_do_not_hold_let_nobody_in(calm, claims):
    browser, provider = calm
    provider.claims = claims

    refused(log_in(browser, provider))


def names(**changed):
    return {"name": "dana", "preferred_username": "dana", "nickname": "dana", **changed}


def test_a_display_name_is_nobody(browser, provider):
    refused(log_in(browser, provider, "mallory-at-id", **names(email="dana@example.org", email_verified=True)))


def test_clocks_may_be_a_minute_apart_and_no_more(browser, provider):
    assert log_in(browser, provider, iat=int(time.time()) + 50).status_code == 200
    assert log_in(browser, provider, exp=int(time.time()) - 50).status_code == 200

    refused(log_in(browser, provider, iat=int(time.time()) + 75))
    refused(log_in(browser, provider, exp=int(time.time()) - 75))


def forged(provider, browser, make):
    """Log in, with a token that somebody wrote in the provider's place."""
    url = begun(browser)
    answer = provider.log_in(url)
    claims = provider.codes[answer["code"]][1]
    provider.tokens = {"id_token": make(claims)}
    return back(browser, answer)


PUBLIC = rsa().as_pem(private=False)


def with_shared_secret(claims, secret):
    """A token under a shared secret, which is the provider's public key to a careless reader."""
    head = unsigned({"alg": "HS256", "typ": "JWT", "kid": "one"}, claims).rpartition(".")[0]
    mac = hmac.new(secret, head.encode(), hashlib.sha256).digest()
    return head + "." + base64.urlsafe_b64encode(mac).decode().rstrip("=")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda claims: unsigned({"alg": "none"}, claims), id="none"),
        pytest.param(lambda claims: unsigned({"alg": "None", "kid": "one"}, claims), id="none-in-disguise"),
        pytest.param(lambda claims: with_shared_secret(claims, PUBLIC), id="public-key-as-secret"),
        pytest.param(lambda claims: with_shared_secret(claims, b"s+cret/\xc3\xbc%"), id="client-secret-as-key"),
        pytest.param(lambda claims: signed(claims, key=rsa("mallory")), id="another-key"),
        pytest.param(lambda claims: signed(claims, key=rsa("mallory"), kid="one"), id="another-key-under-its-name"),
        pytest.param(
            lambda claims: signed(claims, key=rsa("mallory"), kid=None, jwk=rsa("mallory").as_dict(private=False)),
            id="key-in-the-token",
        ),
        pytest.param(
            lambda claims: signed(claims, key=rsa("mallory"), jku="https://evil.example/keys"), id="address-of-keys"
        ),
        pytest.param(lambda claims: signed(claims, key=curve(), algorithm="ES256", kid="one"), id="another-kind"),
        pytest.param(lambda claims: signed(claims, typ="at+jwt"), id="access-token"),
        pytest.param(lambda claims: signed(claims)[:-4] + "AAAA", id="signature"),
        pytest.param(lambda claims: signed(claims).rpartition(".")[0] + ".", id="no-signature"),
        pytest.param(lambda claims: signed(claims) + ".x", id="four-parts"),
        pytest.param(lambda _claims: "a.b.c", id="no-token"),
        pytest.param(lambda _claims: "", id="empty"),
        pytest.param(lambda _claims: "x" * 20_000, id="long"),
        pytest.param(lambda claims: unsigned(["RS256"], claims, b"x"), id="header-is-a-list"),
        pytest.param(lambda claims: unsigned({"alg": "RS256", "kid": ["one"]}, claims, b"x"), id="kid-is-a-list"),
    ],
)
def test_a_token_that_somebody_wrote_lets_nobody_in(calm, make):
    browser, provider = calm
    refused(forged(provider, browser, make))


def test_a_header_that_asks_for_what_is_not_done_is_refused(browser, provider):
    refused(forged(provider, browser, lambda claims: unsigned({"alg": "RS256", "kid": "one", "crit": ["b"]}, claims)))


def test_keys_on_a_curve_count_as_well(browser, provider):
    provider.keys, provider.signing = [curve()], {"key": curve(), "algorithm": "ES256"}

    assert log_in(browser, provider).status_code == 200


def test_a_key_that_the_provider_takes_into_use_is_asked_for_once_a_minute(browser, provider, world):
    clock = {"now": datetime.now(UTC)}
    keys = provider_of(world)._keys
    keys._now = lambda: clock["now"]
    log_in(browser, provider)
    provider.keys, provider.signing = [rsa("two")], {"key": rsa("two")}
    asked = provider.asked.count("/keys")

    refused(log_in(browser, provider))
    assert provider.asked.count("/keys") == asked

    clock["now"] += timedelta(minutes=1)
    assert log_in(browser, provider).status_code == 200
    for _ in range(3):
        refused(forged(provider, browser, lambda claims: signed(claims, key=rsa("mallory"))))
        provider.tokens = {}
    assert provider.asked.count("/keys") == asked + 1


class TestByEmail:
    """Where people are known by an e-mail address that the provider has verified."""

    @pytest.fixture
    def world(self, workspace, tmp_path, policy, provider):
        return logging_world(workspace, tmp_path, policy, provider, claim="email")

    def test_the_scope_is_asked_for(self, browser):
        assert parse_qs(urlsplit(begun(browser)).query)["scope"] == ["openid email"]

    def test_a_verified_address_in_the_token_counts(self, browser, provider):
        assert log_in(browser, provider, email="Dana@Example.org", email_verified=True).status_code == 200

    def test_a_verified_address_that_the_provider_gives_on_request_counts(self, browser, provider):
        provider.userinfo = {"sub": "dana-at-id", "email": "dana@example.org", "email_verified": True}

        assert log_in(browser, provider).status_code == 200

    def test_userinfo_of_somebody_else_does_not_count(self, browser, provider):
        provider.userinfo = {"sub": "mallory", "email": "dana@example.org", "email_verified": True}

        refused(log_in(browser, provider))

    @pytest.mark.parametrize(
        "claims",
        [
            pytest.param({"email": "dana@example.org"}, id="nothing-said"),
            pytest.param({"email": "dana@example.org", "email_verified": False}, id="not-verified"),
            pytest.param({"email": "dana@example.org", "email_verified": "true"}, id="verified-in-words"),
            pytest.param({"email": "dana@example.org", "email_verified": 1}, id="verified-as-a-number"),
            pytest.param({"email": "dаna@example.org", "email_verified": True}, id="looks-alike"),
            pytest.param({"email": "dana@example.org\n", "email_verified": True}, id="line-end"),
            pytest.param({"email": " dana@example.org", "email_verified": True}, id="space"),
            pytest.param({"email": "dana@example.org@evil.example", "email_verified": True}, id="two-at-signs"),
            pytest.param({"email": ["dana@example.org"], "email_verified": True}, id="a-list"),
            pytest.param({"sub": "dana@example.org"}, id="as-the-subject"),
        ],
    )
    def test_any_other_address_is_nobody(self, browser, provider, claims):
        refused(log_in(browser, provider, **claims))
