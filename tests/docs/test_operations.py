"""The page about operations says what the code does: figures, spans, alerts, options, and where things are."""

import re

import pytest
import yaml
from deployment import HOME
from yamllint import linter
from yamllint.config import YamlLintConfig

from gatekeeper.cli.reconcile_metrics import Metrics
from gatekeeper.cli.settings import Settings
from gatekeeper.runtime.measures import MEASURES, MOST_MODELS, Kind, table
from gatekeeper.runtime.readings import FRESH_SECONDS, SHARE

PAGE = (HOME / "docs" / "operations.md").read_text(encoding="utf-8")
RULES = HOME / "docs" / "deploy" / "alerts.yaml"
ALERTS = [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def test_the_table_of_figures_is_the_code():
    assert table() in PAGE
    assert f"the first {MOST_MODELS} by name" in PAGE
    assert (FRESH_SECONDS, SHARE) == (5.0, 1 / 50)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_figures_that_there_are(rule):
    known = {}
    for each in MEASURES:
        parts = ("_bucket", "_sum", "_count") if each.kind is Kind.HISTOGRAM else ("",)
        known.update({each.name + part: set(each.labels) | {"le"} for part in parts})
    for family in Metrics().registry.collect():
        known.update({sample.name: set(sample.labels) for sample in family.samples})
        known[family.name] = {"kind"}

    asked = re.findall(r"(gatekeeper_\w+)(?:\{([^}]*)\})?", rule["expr"])
    assert asked
    for name, labels in asked:
        assert name in known
        assert set(re.findall(r"(\w+)=", labels)) <= known[name]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith((".", "?", ".md."))


def test_the_rules_are_lint_free():
    lint = YamlLintConfig("{extends: default, rules: {line-length: {max: 125}, document-start: disable}}")

    assert [str(each) for each in linter.run(RULES.read_text(encoding="utf-8"), lint)] == []


def test_every_alert_that_wakes_somebody_is_on_the_page():
    for rule in ALERTS:
        if rule["labels"]["severity"] == "page":
            assert f"`{rule['alert']}`" in PAGE


def test_every_span_of_the_code_is_on_the_page():
    sources = [
        path.read_text(encoding="utf-8")
        for name in ("gatekeeper", "audits", "api")
        for path in (HOME / name).rglob("*.py")
    ]
    names = {found for text in sources for found in re.findall(r'(?:(?<!\.)\bspan|@during)\(\s*"([a-z_.]+)"', text)}

    assert {"gate", "judge", "run", "propose", "registry", "promote.alias", "ledger.append"} <= names
    for name in names - {"http.request", "worker.beat"}:
        assert f"`{name}`" in PAGE


def test_every_place_and_setting_on_the_page_is_there():
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE):
        assert (HOME / "docs" / link).exists(), link
    for test in re.findall(r"`(tests/[\w/.]+)`", PAGE):
        assert (HOME / test).exists()
    assert "traces" in Settings.model_fields
