"""The shape of a policy file. Nothing outside this shape is accepted, and nothing is converted silently.

::

    policy: baseline              # a name
    version: 1                    # raised with every change
    about: One paragraph.
    stop_early: true              # stop after the family in which a BLOCK is certain
    seed: 1729
    gates:                        # every gate named here is required
      - gate: behaviour/regression
        params: {alpha: 0.05}     # measurement parameters of the gate
        unmeasured: block         # or review
        limits:
          - id: knowledge
            margin: 0.05
            admit: 'm["knowledge.delta"].low > -margin'
            block: 'm["knowledge.delta"].high < -margin'
            otherwise: review     # default: review beside a block rule, else block
            because: {admit: ..., review: ..., block: ...}
    certify: [...]                # same shape: absolute limits for a first champion
    approvals: {required: 1, roles: [approver], distinct_from: [submitter], expires_hours: 72}
    drift: report                 # or restore: put an alias back that was moved behind the gate's back
    quarantine_days: 7            # how long an update is live before later updates are compared with its rows
    waivers:                      # what people may accept for a time; by default nothing
      - gate: data/pii
        limits: [contact]
        roles: [privacy]
        required: 1
        days: 14
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]
"""Lower-case words joined by hyphens."""
Part: TypeAlias = Literal["submitter", "trainer", "author"]
"""Parts a person can play in an update."""
RESERVED = frozenset({"missing", "errored", "unmeasured", "not-run", "empty"})
"""Limit ids the decision uses for votes of its own."""


Parameter: TypeAlias = None | bool | int | float | str | list[bool | int | float | str]
"""What a parameter can be in YAML; its gate's own type is checked later."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SentencesIn(_Strict):
    """What a limit says, by its vote; a single string stands for all three."""

    admit: str = Field(min_length=1, max_length=600)
    block: str = Field(min_length=1, max_length=600)
    review: str | None = Field(default=None, min_length=1, max_length=600)

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, value: object) -> object:
        return {"admit": value, "block": value, "review": value} if isinstance(value, str) else value


class LimitIn(_Strict):
    """One rule with its consequence."""

    id: Word
    admit: str = Field(min_length=1)
    block: str | None = Field(default=None, min_length=1)
    otherwise: Literal["block", "review"] | None = None
    margin: float | None = Field(default=None, ge=0)
    because: SentencesIn


class GateIn(_Strict):
    """One required gate."""

    gate: str = Field(min_length=1)
    params: dict[str, Parameter] = Field(default_factory=dict)
    unmeasured: Literal["block", "review"] = "block"
    limits: list[LimitIn] = Field(min_length=1)


class ApprovalsIn(_Strict):
    """Whose agreement an admitted update needs."""

    required: int = Field(default=1, ge=1, le=20)
    roles: list[Word] = Field(default_factory=lambda: ["approver"], min_length=1)
    distinct_from: list[Part] = Field(default_factory=lambda: list[Part](["submitter"]))
    expires_hours: float = Field(default=72, gt=0, le=24 * 90)
    single_person: bool = False


class WaivableIn(_Strict):
    """Limits of one gate whose findings people may accept."""

    gate: str = Field(min_length=1)
    limits: list[Word] = Field(min_length=1)
    roles: list[Word] = Field(min_length=1)
    required: int = Field(default=1, ge=1, le=20)
    days: float = Field(gt=0, le=90)


class PolicyIn(_Strict):
    """A policy file."""

    policy: Word
    version: int = Field(ge=1)
    about: str = ""
    stop_early: bool = True
    seed: int = Field(default=1729, ge=0, lt=2**32)
    gates: list[GateIn] = Field(min_length=1)
    certify: list[GateIn] = Field(default_factory=list)
    approvals: ApprovalsIn = Field(default_factory=ApprovalsIn)
    drift: Literal["report", "restore"] = "report"
    quarantine_days: float = Field(default=7, ge=0, le=3660)
    waivers: list[WaivableIn] = Field(default_factory=list)


KEYS = frozenset(
    name for model in (PolicyIn, GateIn, LimitIn, SentencesIn, ApprovalsIn, WaivableIn) for name in model.model_fields
)
"""Every key that means something somewhere, for suggestions."""
