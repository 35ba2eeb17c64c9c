"""What a passport's signature says: an in-toto statement with the SLSA verification summary as its predicate.

Sources: in-toto Statement v1; SLSA Verification Summary v1; in-toto test result v0.1. The binding stands in a field
of its own, which other readers of the summary ignore.
"""

# ruff: noqa: N815 - the fields are spelled as those formats spell them.

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import ConfigDict, Field, TypeAdapter

from audits.passport.binding import Binding
from audits.passport.strict import read_strict

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
SUMMARY: Final = "https://slsa.dev/verification_summary/v1"
TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
PASSED: Final = "PASSED"
FAILED: Final = "FAILED"
ADMITTED: Final = "GATEKEEPER_ADMITTED"
"""Level that the summary names of an update that its policy let through."""

_STRICT = ConfigDict(extra="forbid", strict=True)
_Sha = Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sha256:
    """A digest as in-toto writes it."""

    __pydantic_config__ = _STRICT

    sha256: _Sha

    def text(self) -> str:
        """Return it as it is written here."""
        return f"sha256:{self.sha256}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something by name and digest."""

    __pydantic_config__ = _STRICT

    name: str
    digest: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRef:
    """The policy that decided."""

    __pydantic_config__ = _STRICT

    uri: str
    digest: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Who decided."""

    __pydantic_config__ = _STRICT

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What this format says beside the summary."""

    __pydantic_config__ = _STRICT

    binding: Binding
    update: str
    """Id of the update."""
    run: str
    """Id of the run whose verdict counts."""
    evidence_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The predicate."""

    __pydantic_config__ = _STRICT

    verifier: Verifier
    timeVerified: str
    resourceUri: str
    policy: PolicyRef
    inputAttestations: tuple[Resource, ...]
    """Test results and decisions, in the bundle's order, by the digests of their envelopes."""
    verificationResult: str
    verifiedLevels: tuple[str, ...]
    slsaVersion: str
    gatekeeper: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The statement of a passport."""

    __pydantic_config__ = _STRICT

    type_: Annotated[str, Field(alias="_type")]
    subject: tuple[Resource, ...]
    predicateType: str
    predicate: Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """What one gate reported."""

    __test__ = False
    __pydantic_config__ = _STRICT

    result: str
    configuration: tuple[Resource, ...]
    status: str
    metrics: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestStatement:
    """The statement of one gate."""

    __test__ = False
    __pydantic_config__ = _STRICT

    type_: Annotated[str, Field(alias="_type")]
    subject: tuple[Resource, ...]
    predicateType: str
    predicate: TestResult


_STATEMENT: TypeAdapter[Statement] = TypeAdapter(Statement)
_TEST: TypeAdapter[TestStatement] = TypeAdapter(TestStatement)


def sha(digest: str) -> Sha256:
    """Return a digest as in-toto writes it."""
    return Sha256(sha256=digest.removeprefix("sha256:"))


def resource_uri(binding: Binding) -> str:
    """Return what the summary is about, as an address."""
    return f"models:/{binding.model}/{binding.version}"


def statement_of(subject: str, name: str, predicate_type: str, predicate: object) -> dict[str, object]:
    """Return an in-toto statement."""
    return {
        "_type": STATEMENT,
        "subject": [Resource(name=name, digest=sha(subject))],
        "predicateType": predicate_type,
        "predicate": predicate,
    }


def read_statement(payload: bytes) -> Statement:
    """Return the statement of a passport.

    Raises:
        VerificationError: it is none.
    """
    return read_strict(payload, _STATEMENT, what="the statement of a passport")


def read_test(payload: bytes) -> TestStatement:
    """Return the statement of one gate.

    Raises:
        VerificationError: it is none.
    """
    return read_strict(payload, _TEST, what="the test result of a gate")
