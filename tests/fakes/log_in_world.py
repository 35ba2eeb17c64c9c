"""A service whose people log in at a provider, and whose verifiers accept what it signs over their log-ins."""

import dataclasses
from urllib.parse import urlencode

from browsing import Page
from people import key_of
from provider import CLIENT, ISSUER, RETURN, SECRET
from service_world import World

from api.federation.provider import Provider, ProviderSettings
from api.settings import LogInPolicy
from audits.passport.dsse import public_text
from audits.passport.trust import TrustedLogIn, TrustedSubject
from gatekeeper.pipeline.log_in import subject_in
from gatekeeper.pipeline.principal import AtProvider

POLICY = LogInPolicy(approves=frozenset({"approver"}), minutes=15)


def at_provider(name, claim="sub", issuer=ISSUER):
    """Who somebody is there."""
    value = f"{name}-at-id" if claim == "sub" else f"{name}@example.org"
    return AtProvider(issuer=issuer, claim=claim, value=value)


def logging_workspace(workspace, *, claim="sub", roles=("approver",), issuer=ISSUER, minutes=15.0):
    """The workspace, whose people are known at the provider, and whose trust file says so."""
    people = {
        name: dataclasses.replace(person, log_in=at_provider(name, claim, issuer))
        for name, person in workspace.principals.items()
        if "service" not in person.roles
    }
    with workspace.store.transaction() as session:
        for name in people:
            workspace.remember(session, name)
        subjects = tuple(
            TrustedSubject(subject=subject_in(session, workspace.pseudonym_key, person), roles=person.roles)
            for person in people.values()
        )
    service = TrustedLogIn(key=public_text(key_of("log-in")), issuer=issuer, roles=roles, minutes=minutes)
    trust = dataclasses.replace(workspace.notary.trust, log_ins=(service,) if roles else (), subjects=subjects)
    notary = dataclasses.replace(workspace.notary, trust=trust, log_in=key_of("log-in"))
    return dataclasses.replace(workspace, principals={**workspace.principals, **people}, notary=notary)


def logging_world(workspace, root, policy, provider, *, claim="sub", roles=("approver",), log_in=POLICY, **more):
    """The service."""
    told = ProviderSettings(
        issuer=provider.issuer,
        client_id=CLIENT,
        secret=SECRET,
        redirect_uri=RETURN,
        leave_uri="https://gate.example/sign-in",
        name="Example",
        claim=claim,
    )
    return World(
        logging_workspace(workspace, claim=claim, roles=roles),
        root,
        policy,
        provider=Provider(told, fetcher=provider.fetcher),
        log_in=log_in,
        **more,
    )


def provider_of(world):
    """The service's side of the provider."""
    return world.app.state.service.settings.provider


def log_in(browser, provider, subject="dana-at-id", *, onward="/", again=False, ago=0, **claims):
    """Set out, prove who one is, come back; return the last answer."""
    sent = browser.get("/sign-in/provider?" + urlencode({"onward": onward, **({"again": "1"} if again else {})}))
    assert sent.status_code == 303, sent.text
    answer = provider.log_in(sent.headers["Location"], subject, ago=ago, **claims)
    return browser.get("/sign-in/return?" + urlencode(answer))


def refused(answered, status=403):
    assert answered.status_code == status, answered.text
    assert not [each for each in answered.headers.get_list("set-cookie") if "gatekeeper-session" in each]
    return Page(answered.text).text


def begun(browser, **query):
    """Set out for the provider; return where to."""
    sent = browser.get("/sign-in/provider?" + urlencode(query))
    assert sent.status_code == 303, sent.text
    return sent.headers["Location"]


def back(browser, answer):
    return browser.get("/sign-in/return?" + urlencode(answer))


def hold(browser, what, value):
    """Put a cookie into a browser in the place of its own."""
    browser.client.cookies.clear()
    browser.client.cookies.set(f"__Host-gatekeeper-{what}", value, domain="gate.example")
