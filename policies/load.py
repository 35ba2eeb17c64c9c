"""From a file or a built-in name to a frozen policy, or to one sentence that says which line is wrong.

The order: read the text, parse plain YAML, check the shape, then the meaning: every gate exists, every parameter is
one its gate takes, every rule is a rule, every sentence can be filled, and no gate would load a candidate before the
artifact gates have looked at it.
"""

import dataclasses
import json
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from gatekeeper.core.errors import PolicyError
from gatekeeper.core.gate import Family, Gate
from gatekeeper.core.verdict import Outcome
from policies.expression import RuleError, Source, references
from policies.policy import REQUIRED_BEFORE_LOADING, Approvals, GateRule, Limit, Policy, Sentences, Waivable
from policies.rules import compile_rule
from policies.schema import KEYS, RESERVED, GateIn, LimitIn, PolicyIn, SentencesIn
from policies.sentences import check_sentence
from policies.source import Place, PolicySource, parse, read_text

_LOADING = frozenset({Family.WEIGHTS, Family.BEHAVIOUR})
_VOTES = {"block": Outcome.BLOCK, "review": Outcome.REVIEW}


def load_policy(source: str | Path, catalogue: Mapping[str, Gate]) -> Policy:  # type: ignore[type-arg]  # gates differ in their parameters
    """Return the policy at ``source``.

    Args:
        source: ``builtin:<name>`` or the path of a YAML file.
        catalogue: every known gate by id.

    Raises:
        PolicyError: it cannot be read, or something in it is wrong; the message names the file and the line.
    """
    name, text = read_text(source)
    return policy_from_text(text, catalogue, name=name)


def policy_from_text(text: str, catalogue: Mapping[str, Gate], *, name: str = "policy") -> Policy:  # type: ignore[type-arg]  # as above
    """Return the policy that ``text`` holds; ``name`` stands for the file in errors.

    Raises:
        PolicyError: as for :func:`load_policy`.
    """
    return policy_from_source(parse(name, text), catalogue)


def policy_from_source(source: PolicySource, catalogue: Mapping[str, Gate]) -> Policy:  # type: ignore[type-arg]  # as above
    """Return the policy of values that were read before.

    Raises:
        PolicyError: as for :func:`load_policy`.
    """
    try:
        read = PolicyIn.model_validate(source.value)
    except ValidationError as error:
        raise _shape_error(source, error) from error
    loader = _Loader(source, catalogue)
    return Policy(
        name=read.policy,
        version=read.version,
        about=" ".join(read.about.split()),
        stop_early=read.stop_early,
        seed=read.seed,
        gates=loader.section("gates", read.gates),
        certify=loader.section("certify", read.certify),
        approvals=Approvals(
            required=read.approvals.required,
            roles=tuple(read.approvals.roles),
            distinct_from=tuple(read.approvals.distinct_from),
            expires_hours=read.approvals.expires_hours,
            single_person=read.approvals.single_person,
        ),
        drift=read.drift,
        quarantine_days=float(read.quarantine_days),
        waivers=loader.waivers(read),
    )


class _Loader:
    """Checks of meaning, with the place of each value at hand."""

    def __init__(self, source: PolicySource, catalogue: Mapping[str, Gate]) -> None:  # type: ignore[type-arg]  # as above
        self._source = source
        self._catalogue = catalogue

    def section(self, key: str, read: list[GateIn]) -> tuple[GateRule, ...]:
        rules: list[GateRule] = []
        for place, item in enumerate(read):
            at: Place = (key, place)
            if any(rule.gate == item.gate for rule in rules):
                raise self._source.error(
                    f"the gate {item.gate} is named twice.", at=(*at, "gate"), hint="Put its limits under one entry."
                )
            rules.append(self._gate(item, at))
        named = {rule.gate for rule in rules}
        missing = [gate for gate in REQUIRED_BEFORE_LOADING if gate not in named]
        for place, rule in enumerate(rules):
            if Family(rule.gate.partition("/")[0]) in _LOADING and missing:
                raise self._source.error(
                    f"{rule.gate} loads the candidate, but {key} does not require {' and '.join(missing)}.",
                    at=(key, place, "gate"),
                    hint="Add them: a candidate is never loaded before both pass, because loading can run code.",
                )
        return tuple(rules)

    def waivers(self, read: PolicyIn) -> tuple[Waivable, ...]:
        known = {gate.gate: {limit.id for limit in gate.limits} for gate in read.certify}
        for gate in read.gates:
            known[gate.gate] = known.get(gate.gate, set()) | {limit.id for limit in gate.limits}
        named: set[tuple[str, str]] = set()
        for place, item in enumerate(read.waivers):
            at: Place = ("waivers", place)
            if item.gate not in known:
                raise self._source.error(
                    f"the policy requires no gate {item.gate!r}.",
                    at=(*at, "gate"),
                    hint=_suggest(item.gate, known, "It requires"),
                )
            for limit in item.limits:
                if limit not in known[item.gate]:
                    raise self._source.error(
                        f"{item.gate} has no limit {limit!r}.",
                        at=(*at, "limits"),
                        hint=_suggest(limit, known[item.gate], "Its limits")
                        + " The vote of a gate as a whole cannot be accepted.",
                    )
                if (item.gate, limit) in named:
                    raise self._source.error(
                        f"{item.gate}/{limit} is named twice.", at=(*at, "limits"), hint="Name it once."
                    )
                named.add((item.gate, limit))
        return tuple(
            Waivable(
                gate=item.gate,
                limits=tuple(item.limits),
                roles=tuple(item.roles),
                required=item.required,
                days=float(item.days),
            )
            for item in read.waivers
        )

    def _gate(self, read: GateIn, at: Place) -> GateRule:
        gate = self._catalogue.get(read.gate)
        if gate is None:
            raise self._source.error(
                f"there is no gate {read.gate!r}.",
                at=(*at, "gate"),
                hint=_suggest(read.gate, self._catalogue, "Known gates"),
            )
        limits: list[Limit] = []
        for place, item in enumerate(read.limits):
            where = (*at, "limits", place)
            if item.id in RESERVED or any(limit.id == item.id for limit in limits):
                why = "reserved" if item.id in RESERVED else f"used twice under {read.gate}"
                raise self._source.error(f"the limit id {item.id!r} is {why}.", at=(*where, "id"), hint="Rename it.")
            limits.append(self._limit(read.gate, item, where))
        return GateRule(
            gate=gate.id,
            asks=gate.asks,
            params=self._params(gate, read.params, (*at, "params")),
            unmeasured=_VOTES[read.unmeasured],
            limits=tuple(limits),
        )

    def _params(self, gate: Gate, read: Mapping[str, object], at: Place) -> object:  # type: ignore[type-arg]  # as above
        fields = {field.name: field for field in dataclasses.fields(gate.params)}
        kinds: dict[str, TypeAdapter[object]] = {name: TypeAdapter(kind) for name, kind in _types(gate.params).items()}
        values: dict[str, object] = {}
        for name, value in read.items():
            if name not in fields:
                raise self._source.error(
                    f"{gate.id} takes no parameter {name!r}.",
                    at=(*at, name),
                    hint=_suggest(name, fields, "It takes") if fields else "It takes none; remove params.",
                )
            try:
                values[name] = kinds[name].validate_json(json.dumps(value), strict=True)
            except ValidationError as error:
                raise self._source.error(
                    f"the parameter {name} of {gate.id} cannot be {value!r}: {_lower(error.errors()[0]['msg'])}.",
                    at=(*at, name),
                    hint=f"Its default is {_default(fields[name])}.",
                ) from error
        try:
            return gate.params(**values)
        except (TypeError, ValueError) as error:
            raise self._source.error(f"the parameters of {gate.id} do not fit: {error}.", at=at) from error

    def _limit(self, gate: str, read: LimitIn, at: Place) -> Limit:
        for key, rule in (("admit", read.admit), ("block", read.block)):
            if rule is not None:
                self._rule(gate, rule, read.margin, (*at, key))
        otherwise = _VOTES[read.otherwise or ("block" if read.block is None else "review")]
        if otherwise is Outcome.REVIEW and read.because.review is None:
            raise self._source.error(
                f"the limit {read.id} can vote REVIEW but has no sentence for it.",
                at=(*at, "because"),
                hint="Add review: to because.",
            )
        sentences = _sentences(read.because)
        for key, template in (("admit", sentences.admit), ("review", sentences.review), ("block", sentences.block)):
            try:
                check_sentence(template)
            except RuleError as error:
                raise self._source.error(
                    f"the sentence cannot be filled: {error}.", at=(*at, "because", key)
                ) from error
        return Limit(
            id=read.id,
            admit=" ".join(read.admit.split()),
            block=None if read.block is None else " ".join(read.block.split()),
            otherwise=otherwise,
            margin=None if read.margin is None else float(read.margin),
            because=sentences,
        )

    def _rule(self, gate: str, rule: str, margin: float | None, at: Place) -> None:
        try:
            compile_rule(" ".join(rule.split()), margin=margin)
            needed = references(rule)
        except RuleError as error:
            raise self._source.error(f"the rule {rule!r} does not compile: {error}.", at=at) from error
        for reference in needed:
            if reference.source is Source.CODE and not reference.name.startswith(f"{gate}/"):
                raise self._source.error(
                    f"{reference} is not a finding of {gate}, so it would always count 0.",
                    at=at,
                    hint=f"Codes of this gate begin with {gate}/.",
                )


def _sentences(read: SentencesIn) -> Sentences:
    """Return the sentences on one line each; the one for REVIEW repeats BLOCK's where it can never be needed."""
    admit, block, review = (" ".join(text.split()) for text in (read.admit, read.block, read.review or read.block))
    return Sentences(admit=admit, block=block, review=review)


def _types(params: type) -> dict[str, type]:
    """Return the type of every parameter; forward references are resolved."""
    return get_type_hints(params, include_extras=True)


def _default(field: "dataclasses.Field[object]") -> str:
    if field.default is not dataclasses.MISSING:
        return repr(field.default)
    return repr(field.default_factory()) if field.default_factory is not dataclasses.MISSING else "not set"


def _suggest(name: str, known: Collection[str], label: str) -> str:
    close = get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]}?" if close else f"{label}: {', '.join(sorted(known))}."


def _shape_error(source: PolicySource, error: ValidationError) -> PolicyError:
    details = error.errors()
    first = min(details, key=lambda detail: detail["type"] != "extra_forbidden")
    more = f" Beside it, {len(details) - 1} more to correct." if len(details) > 1 else ""
    return source.error(_in_words(first) + more, at=tuple(first["loc"]), hint=_hint(first))


def _in_words(detail: ErrorDetails) -> str:
    name = ".".join(str(part) for part in detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            return f"{str(detail['loc'][-1])!r} means nothing here ({name})."
        case "missing":
            return f"{name} is missing."
        case "too_short":
            return f"{name} is empty: what requires nothing blocks everything."
    return f"{name} cannot be {detail['input']!r}: {_lower(detail['msg'])}."


def _hint(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        close = get_close_matches(str(detail["loc"][-1]), KEYS, n=1)
        return f"Did you mean {close[0]}?" if close else "Remove it; docs/policies.md lists every key."
    return "docs/policies.md shows every key with an example."


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
