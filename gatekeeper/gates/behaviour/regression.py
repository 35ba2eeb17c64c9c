"""``behaviour/regression``: the candidate against champion and anchor, item by item, on the suites the policy names.

Metrics per suite: ``<suite>.accuracy``, and where there is a champion ``<suite>.delta``, ``<suite>.negative_flips``,
``<suite>.positive_flips``, ``<suite>.relative_negative_flips`` and ``<suite>.anchor_delta``. With ``noise`` also
``<suite>.noise_flips``: items on which the champion differs from itself in another batch shape. With ``spend_alpha``
also ``<suite>.submission``, ``<suite>.alpha``, ``<suite>.released_bits`` and ``<suite>.worn_out``: the bounds are then
at the level that this submission may spend. Where the policy gives margins to stop beyond and a candidate is stopped:
``<suite>.delta`` with an upper bound alone, ``<suite>.stopped_after`` and what was spent; nothing else of that suite.
Suites that surely got worse are named as findings, by Holm's procedure; so are suites whose items candidate and
reference read as different tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gatekeeper.core.digests import digest_of
from gatekeeper.core.findings import Attachment, Finding, GateReport, Metric, Severity
from gatekeeper.core.gate import GateContext, gate
from gatekeeper.core.suite_history import SuiteHistory
from gatekeeper.core.update import Artifact
from gatekeeper.gates.behaviour.comparison import (
    aligned,
    count_metric,
    evaluate,
    flip_findings,
    lost_items,
    mean_metric,
    model_ref,
    paired_metric,
    reading_findings,
    write_samples,
)
from gatekeeper.gates.behaviour.early_stop import stop_early
from regression import (
    Session,
    Spending,
    Suite,
    compare,
    count_flips,
    name_regressions,
    noise_floor,
    open_suite,
    proportion,
    regression_p,
    spend,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionParams:
    """What is asked, and at which level."""

    suites: tuple[str, ...] = ("builtin:knowledge", "builtin:instructions")
    """Suites by file or ``builtin:NAME``."""
    alpha: float = 0.05
    """One-sided level of every bound; with ``spend_alpha``, of all submissions together."""
    spend_alpha: bool = False
    """Whether the k-th distinct update that asks one version of a suite gets the level α·6/(π²k²)."""
    budget_bits: float = 200.0
    """With ``spend_alpha``: bits a suite may release before it is worn out."""
    stop_margins: tuple[float, ...] = ()
    """One δ per suite, in order: a candidate surely more than that worse than the champion is measured no further.
    Without them every suite is measured in full."""
    noise: bool = False
    """Whether the champion is also compared with itself in another batch shape: one more evaluation per suite."""

    def __post_init__(self) -> None:
        """Refuse margins that belong to no suite."""
        if self.stop_margins and len(self.stop_margins) != len(self.suites):
            raise ValueError("stop_margins needs one margin for every suite")
        if not all(0 <= margin < 1 for margin in self.stop_margins):
            raise ValueError("a stop margin lies in [0, 1)")


@gate(
    "behaviour/regression",
    asks="Does the candidate still know and do what the champion did?",
    params=RegressionParams,
    version=3,
)
def behaviour_regression(context: GateContext, params: RegressionParams) -> GateReport:
    """Report paired differences per suite, with every lost item."""
    metrics: list[Metric] = []
    findings: list[Finding] = []
    attachments: list[Attachment] = []
    worse: dict[str, float] = {}
    margins: tuple[float | None, ...] = params.stop_margins or (None,) * len(params.suites)
    for source, margin in zip(params.suites, margins, strict=True):
        suite = open_suite(source)
        name = suite.name
        spending = _spending(context, suite, params)
        alpha = params.alpha if spending is None else spending.alpha
        stop = None if margin is None else stop_early(context, suite, margin=margin)
        if stop is not None:
            metrics += stop.metrics
            if spending is not None:
                metrics += _spent(name, spending)
            attachments.append(context.attach(write_samples(context, stop.read)))
            continue
        triple = evaluate(context, source)
        metrics.append(mean_metric(f"{name}.accuracy", proportion(triple.candidate, alpha=alpha), alpha))
        if spending is not None:
            metrics += _spent(name, spending)
        if triple.champion is not None:
            paired = compare(triple.candidate, triple.champion, alpha=alpha)
            lost = lost_items(triple.candidate, triple.champion)
            metrics.append(paired_metric(f"{name}.delta", paired, alpha))
            metrics.append(count_metric(f"{name}.negative_flips", len(lost), paired.n))
            won = lost_items(triple.champion, triple.candidate)
            metrics.append(count_metric(f"{name}.positive_flips", len(won), paired.n))
            if params.noise:
                metrics.append(_noise(context, context.champion, suite))
            findings += flip_findings("behaviour/regression/negative-flip", triple.suite, lost)
            candidate, champion, clusters = aligned(triple.candidate, triple.champion)
            worse[name] = regression_p(candidate, champion, clusters, margin=0.0)
            metrics += _beside_chance(name, candidate, champion)
        if triple.anchor is not None:
            paired = compare(triple.candidate, triple.anchor, alpha=alpha)
            metrics.append(paired_metric(f"{name}.anchor_delta", paired, alpha))
        findings += reading_findings("behaviour/regression/other-tokens", triple)
        attachments.append(context.attach(write_samples(context, triple)))
    findings += [_regressed(name, worse[name]) for name in name_regressions(worse)]
    if not metrics:
        return behaviour_regression.unmeasured("The policy names no suite.")
    return behaviour_regression.measured(
        metrics=tuple(metrics), findings=tuple(findings), attachments=tuple(attachments)
    )


def _spending(context: GateContext, suite: Suite, params: RegressionParams) -> Spending | None:
    """Write down that the suite is asked, and return what this update may spend on it; ``None`` without spending."""
    if not params.spend_alpha:
        return None
    port = context.resources.get(SuiteHistory)  # type: ignore[type-abstract]  # whatever stands behind the port
    # The same bytes beside another champion or anchor are another question, and are answered anew.
    beside = [None if one is None else one.manifest.digest for one in (context.champion, context.anchor)]
    asked = digest_of([context.update.digest, *beside])
    history = port.ask(suite.digest, asked)
    return spend(
        history,
        asked,
        alpha=params.alpha,
        comparisons=max(1, (context.champion is not None) + (context.anchor is not None)),
        budget_bits=params.budget_bits,
    )


def _spent(name: str, spending: Spending) -> tuple[Metric, ...]:
    return (
        Metric(name=f"{name}.submission", value=float(spending.k), unit="submissions", n=spending.k),
        Metric(name=f"{name}.alpha", value=spending.alpha, unit="share", n=spending.k),
        Metric(name=f"{name}.released_bits", value=spending.bits, unit="bits", n=spending.k),
        Metric(name=f"{name}.worn_out", value=float(spending.worn_out), unit="suites", n=spending.k),
    )


def _noise(context: GateContext, champion: Artifact | None, suite: Suite) -> Metric:
    """Return on how many items the champion differs from itself: flips that no update caused."""
    if champion is None:
        raise RuntimeError("noise is measured on a champion that answered the suite")
    context.progress.start(f"{suite.name}: champion in another batch shape", None)
    floor = noise_floor(context.resources.get(Session), model_ref(champion), suite)
    return count_metric(f"{suite.name}.noise_flips", floor.flips, floor.n)


def _beside_chance(name: str, candidate: Sequence[float], champion: Sequence[float]) -> tuple[Metric, ...]:
    """Return the negative flips beside chance, for suites whose items are right or wrong."""
    if any(score not in (0.0, 1.0) for score in (*candidate, *champion)):
        return ()
    found = count_flips(candidate, champion)
    # Where chance gives none there are none.
    relative = 0.0 if found.relative is None else found.relative
    return (Metric(name=f"{name}.relative_negative_flips", value=relative, unit="ratio", n=found.n),)


def _regressed(name: str, p: float) -> Finding:
    return Finding(
        code="behaviour/regression/regressed",
        severity=Severity.MEDIUM,
        confidence=1 - p,
        subject=name,
        message=f"Fewer answers are right than the champion's on {name}: p = {p:.2g}, named by Holm's procedure.",
    )
