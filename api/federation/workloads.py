"""Programs that come with a token of the platform they run on, such as a CI job: known by what it says of the job.

A rule names claims and what each must be, word for word; there are no patterns, so that nothing is meant by accident.
A program proposes and carries out; it never decides, whatever its token says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from api.federation.claims import Unbelievable, believed, issuer_said
from api.federation.fetching import Fetcher, log, require_address, safe_address, unanswered
from api.federation.keys import Keys
from api.permissions import Role
from api.problems import Problem
from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.principal import Principal

WHOSE: Final = frozenset({"sub", "repository", "repository_id", "project_path", "project_id"})
"""Claims that say whose job it is; a rule has at least one."""
WHICH: Final = frozenset(
    {"sub", "ref", "environment", "workflow_ref", "job_workflow_ref", "ci_config_ref_uri", "deployment_tier"}
)
"""Claims that say which of their jobs; a rule has at least one, or every branch would do."""
ALLOWED: Final = frozenset({Role.SERVICE.value, Role.SUBMITTER.value})

_LOOSE: Final = frozenset("*?")
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="gatekeeper", error="invalid_token"'}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which program a job is."""

    issuer: str
    audience: str
    person: str
    """Of ``principals.toml``."""
    claims: Mapping[str, tuple[str, ...]]
    """What each claim must be: one of these."""
    longest: timedelta = timedelta(hours=1)
    """Most time between a token's issue and its end."""


def require_rule(rule: Rule, principals: Mapping[str, Principal]) -> Rule:
    """Return a rule as it is.

    Raises:
        UsageError: it could let in more than is meant, or whom it names may decide.
    """
    require_address(rule.issuer, f"The issuer of the workload {rule.person}")
    what = f"The workload {rule.person}"
    if not set(rule.claims) & WHOSE:
        raise UsageError(f"{what} does not say whose job it is.", hint=f"Name one of {', '.join(sorted(WHOSE))}.")
    if not set(rule.claims) & WHICH:
        raise UsageError(
            f"{what} takes any job of its project, from any branch.", hint=f"Name one of {', '.join(sorted(WHICH))}."
        )
    for name, values in rule.claims.items():
        if any(set(value) & _LOOSE or value != value.strip() or not value for value in values) or not values:
            raise UsageError(
                f"{what}: {name} holds a pattern, or nothing; claims are compared word for word.",
                hint="Write every value that is meant, as a list.",
            )
    plain = [value for value in rule.claims.get("ref", ()) if not value.startswith("refs/")]
    if plain and "ref_type" not in rule.claims:
        raise UsageError(
            f"{what}: a tag can have the name of the branch {plain[0]}.", hint='Add ref_type = "branch" to its claims.'
        )
    known = principals.get(rule.person)
    if known is None or not set(known.roles) <= ALLOWED or not known.roles:
        raise UsageError(
            f"{what} is nobody in principals.toml with the role service or submitter, and no other.",
            hint=f'Write [people."{rule.person}"] with roles = ["service"].',
        )
    return rule


class Workloads:
    """Every rule, by who issues its tokens."""

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        fetcher: Fetcher | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._now = now
        self._rules = tuple(rules)
        fetch = fetcher or Fetcher()
        self._keys = {
            issuer: Keys(_key_source(fetch, issuer), now=now) for issuer in {rule.issuer for rule in self._rules}
        }

    def person(self, token: str) -> str:
        """Return the name of the program that a token's job is.

        Raises:
            Problem: it is none, or its platform cannot be asked for keys; it never says why.
        """
        try:
            return self._rule(token).person
        except Unbelievable as error:
            log.warning("a workload's token was refused: %s", error)
            raise not_counted() from error

    def _rule(self, token: str) -> Rule:
        """Return the one rule that a token fulfils.

        Raises:
            Unbelievable: it fulfils none, or more than one.
        """
        issuer = issuer_said(token)
        keys = self._keys.get(issuer or "")
        if issuer is None or keys is None:
            raise Unbelievable("nobody here knows who issued it")
        claims = believed(token, keys, issuer=issuer, now=self._now())
        length = timedelta(seconds=float(claims["exp"]) - float(claims["iat"]))
        found = [
            rule
            for rule in self._rules
            if rule.issuer == issuer
            and claims.get("aud") in (rule.audience, [rule.audience])
            and length <= rule.longest
            and all(_is(claims, name, values) for name, values in rule.claims.items())
        ]
        if len({rule.person for rule in found}) != 1:
            raise Unbelievable(f"it fulfils {len(found)} rules")
        return found[0]


def not_counted() -> Problem:
    """Return the one thing that is said of any token that does not count."""
    return Problem(
        "no-token",
        "The token does not count.",
        hint="Compare the job's claims with the [[workloads]] of gatekeeper.toml.",
        headers=_CHALLENGE,
    )


def _is(claims: Mapping[str, Any], name: str, values: Sequence[str]) -> bool:
    said = claims.get(name)
    return isinstance(said, str) and said in values


def _key_source(fetcher: Fetcher, issuer: str) -> Callable[[], Mapping[str, object]]:
    """Return what asks an issuer for its keys: first where they are, then for them."""

    def fetch() -> Mapping[str, object]:
        url = issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = fetcher.get(url)
        keys = found.get("jwks_uri")
        if found.get("issuer") != issuer or not isinstance(keys, str) or not safe_address(keys):
            raise unanswered(url, "another issuer than the one that was asked, or no keys")
        return fetcher.get(keys)

    return fetch
