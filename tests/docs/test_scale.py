"""The page about scale: its links lead somewhere, its commands are there, and its paper arithmetic is right."""

import math
import re
from statistics import NormalDist

from deployment import HOME

PAGE = (HOME / "docs" / "scale.md").read_text(encoding="utf-8")
UPDATES = 24_000
"""A day, for a thousand models each hour."""


def test_links_and_commands_are_there():
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE):
        assert (HOME / "docs" / link).exists(), link
    for module in re.findall(r"python -m ([\w.]+)", PAGE):
        assert (HOME / (module.replace(".", "/") + ".py")).exists(), module


def test_the_arithmetic_on_paper():
    scoring = UPDATES * 600_000 / 3600
    starting = UPDATES * 20 / 3600

    assert round(scoring / 39_500) == 101
    assert round(scoring / 211_000) == 19
    assert round(starting) == 133
    assert round(scoring / 39_500 + starting) == 235
    assert math.ceil((scoring / 39_500 + starting) / 24) == 10
    assert round(UPDATES * 4.2 / 3600) == 28
    assert UPDATES * 39 == 936_000
    assert UPDATES * 16 == 384_000
    assert round(UPDATES * 16 * 365 * 12e-6 / 60) == 28
    assert round(UPDATES * 110_592 / 1e9, 1) == 2.7
    assert round(UPDATES * 2 * 84e6 / 1e12) == 4
    assert round(UPDATES * 3 / 60 / 6) == 200
    for figure in ("101 GPU hours at 8B, 19 at 1B", "133 GPU hours", "235 GPU hours", "**10 GPUs**", "28 core hours"):
        assert figure in PAGE
    for figure in ("936,000", "384,000", "2.7 GB", "4 TB", "200 people", "checked in 28 minutes"):
        assert figure in PAGE


def test_the_table_of_one_update_is_what_the_plan_counts():
    (cells,) = re.findall(r"\| gatekeeper\.db \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", PAGE)

    assert sum(map(int, cells)) == 39
    assert "| ledger entries | 16 |" in PAGE
    assert "| database, bytes | 110,592 |" in PAGE


def test_levels_that_are_spent():
    def quantile(k):
        return NormalDist().inv_cdf(1 - 0.05 * 6 / math.pi**2 / k**2)

    plain = NormalDist().inv_cdf(0.95)

    assert (round(quantile(24), 1), round((quantile(24) / plain) ** 2, 1)) == (3.9, 5.6)
    assert (round(quantile(720), 1), round((quantile(720) / plain) ** 2)) == (5.3, 10)
