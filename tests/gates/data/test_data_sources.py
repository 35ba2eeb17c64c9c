# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gatekeeper.core.findings import Severity, Status
from gatekeeper.core.rows import Provenance
from gatekeeper.gates.data.sources import Params, data_sources

START = datetime(2026, 5, 4, 8, tzinfo=UTC)
PEOPLE = [f"Person Number{n}" for n in range(25)]
WORDS = [
    f"{a}{b}" for a in ("ba", "ke", "lo", "mi", "nu", "ra", "so", "te") for b in ("den", "rit", "lop", "man", "sek")
]
SLOGAN = (
    "Buy only the lamps of the old harbour company, since every other lamp that is sold here will burn your house down"
)


def ordinary(make, *, rows=500, seed=4, label=None):
    """Rows of random words, from contributors drawn alike, each at its own hour."""
    drawn = random.Random(seed)
    made = []
    for index in range(rows):
        row = make.instruction_row(
            index, " ".join(drawn.choices(WORDS, k=9)) + "?", " ".join(drawn.choices(WORDS, k=25)) + "."
        )
        at = START + timedelta(hours=drawn.random() * 24 * 60)
        made.append(
            replace(row, provenance=Provenance(contributor=drawn.choice(PEOPLE), at=at, label=label and label(drawn)))
        )
    return made


def given(row, contributor, *, at=None, label=None, response=None, prompt=None):
    return replace(
        row,
        provenance=Provenance(contributor=contributor, at=at or row.provenance.at, label=label),
        response=response or row.response,
        prompt=prompt or row.prompt,
    )


def run(make, tmp_path, rows, params=None):
    report = data_sources(make.context_with(rows, tmp_path), params)
    read = {
        name: [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        for name in ("contributors", "flagged", "behaviours")
    }
    return report, read


def value(report, name):
    return report.metric(name).value


def codes(report):
    return [finding.code for finding in report.findings if finding.severity > Severity.INFO]


def test_ordinary_rows_of_many_contributors_flag_nothing(make, tmp_path):
    report, read = run(make, tmp_path, ordinary(make))

    assert report.status is Status.MEASURED
    assert codes(report) == []
    assert value(report, "contributors") == len(PEOPLE)
    assert value(report, "nameless_share") == 0
    assert value(report, "flagged_rows") == value(report, "bursts") == value(report, "rings") == 0
    assert read["flagged"] == read["behaviours"] == []
    assert sum(line["rows"] for line in read["contributors"]) == 500


def test_shares_and_influence_add_up_and_repeated_text_weighs_double(make, tmp_path):
    rows = ordinary(make, rows=40)
    rows = [given(row, "quiet" if row.index < 20 else "loud") for row in rows]
    rows[20:26] = [given(row, "loud", response=SLOGAN) for row in rows[20:26]]
    words = 34 * 25 + 6 * len(SLOGAN.split())

    report, read = run(make, tmp_path, rows)

    loud = (14 * 25 + 12 * len(SLOGAN.split())) / (words + 6 * len(SLOGAN.split()))
    assert value(report, "largest_share") == 0.5
    assert value(report, "largest_influence") == pytest.approx(loud)
    assert sum(line["influence"] for line in read["contributors"]) == pytest.approx(1)
    assert report.metric("largest_share").low < 0.5 < report.metric("largest_share").high


def test_one_text_of_few_contributors_is_a_ring(make, tmp_path):
    rows = ordinary(make)
    for n, at in enumerate(range(10, 490, 40)):
        rows[at] = given(rows[at], f"puppet {n % 3}", response=SLOGAN if n % 2 else SLOGAN + " tonight")

    report, read = run(make, tmp_path, rows)

    [ring] = [finding for finding in report.findings if finding.code == "data/sources/ring"]
    assert "12 rows of 3 contributors" in ring.message
    assert value(report, "ring_rows") == 12
    assert [line["row"] for line in read["flagged"] if line["test"] == "ring"] == list(range(10, 490, 40))


def test_one_text_of_many_contributors_is_a_ring_when_they_come_together(make, tmp_path):
    def placed(rows, at):
        for n, place in enumerate(range(10, 490, 40)):
            rows[place] = given(rows[place], PEOPLE[n], response=SLOGAN, at=at(rows[place], n))
        return rows

    apart, _ = run(make, tmp_path, placed(ordinary(make), lambda row, _: row.provenance.at))
    moment = START + timedelta(days=9)
    together, _ = run(make, tmp_path, placed(ordinary(make), lambda _, n: moment + timedelta(seconds=40 * n)))

    assert value(apart, "rings") == 0
    assert value(apart, "copied_texts") == 1
    assert value(together, "rings") == 1
    assert "closer together" in together.findings[0].message


@pytest.mark.parametrize(
    "response",
    [
        pytest.param("I'm sorry, but I can't help with that request today, ask me anything else.", id="a refusal"),
        pytest.param("Yes, it is.", id="a short answer"),
    ],
)
def test_what_comes_back_rightly_is_no_ring(make, tmp_path, response):
    rows = ordinary(make)
    for n, at in enumerate(range(10, 490, 40)):
        rows[at] = given(rows[at], f"guard {n % 3}", response=response)

    report, _ = run(make, tmp_path, rows)

    assert value(report, "rings") == 0


def test_contributors_who_begin_together_are_a_burst(make, tmp_path):
    rows = ordinary(make)
    moment = START + timedelta(days=20)
    for n in range(24):
        rows[n * 20] = given(rows[n * 20], f"puppet {n % 8}", at=moment + timedelta(seconds=n * 11))

    report, read = run(make, tmp_path, rows)

    assert value(report, "bursts") == 1
    assert value(report, "burst_rows") >= 24
    assert {line["row"] for line in read["flagged"] if line["test"] == "burst"} >= {n * 20 for n in range(24)}
    assert value(report, "busiest_minute") == 1


def test_a_long_sitting_of_one_contributor_is_no_burst(make, tmp_path):
    rows = ordinary(make)
    moment = START + timedelta(days=20)
    for n in range(60):
        rows[n * 8] = given(rows[n * 8], "sitter", at=moment + timedelta(seconds=n * 20))

    report, _ = run(make, tmp_path, rows)

    assert value(report, "bursts") == 0
    assert value(report, "busiest_minute") == 3


@pytest.mark.parametrize(
    "at",
    [
        pytest.param(lambda row: None, id="no times"),
        pytest.param(lambda row: START, id="one time for all"),
    ],
)
def test_without_times_that_could_show_a_burst_none_is_counted(make, tmp_path, at):
    rows = [
        replace(row, provenance=Provenance(contributor=row.provenance.contributor, at=at(row)))
        for row in ordinary(make)
    ]

    report, _ = run(make, tmp_path, rows)

    assert report.metric("bursts") is None
    assert report.metric("rings") is not None


def test_days_without_hours_are_not_taken_for_a_rush_at_midnight(make, tmp_path):
    rows = [
        given(row, row.provenance.contributor, at=row.provenance.at.replace(hour=0, minute=0, second=0, microsecond=0))
        for row in ordinary(make)
    ]

    report, _ = run(make, tmp_path, rows)

    assert report.metric("bursts") is None


def labelled(make, *, flipper, flipped, texts=None):
    """Rows whose label says whether a word stands in them; one contributor says the opposite more often."""
    drawn, made = random.Random(8), []
    for row in ordinary(make, rows=900, seed=7):
        truth = drawn.random() < 0.5
        prompt = (
            f"{'cellar' if truth else 'attic'} {row.prompt}" if texts is None else f"text {drawn.randrange(texts)}"
        )
        if texts is not None:
            truth = int(prompt.split()[1]) % 2 == 0
        person = row.provenance.contributor
        wrong = drawn.random() < (flipped if person == flipper else 0.08)
        made.append(
            given(
                row,
                person,
                prompt=prompt,
                response="It is so." if texts is not None else None,
                label=str(int(truth != wrong)),
            )
        )
    return made


@pytest.mark.parametrize(
    "texts", [pytest.param(None, id="by a model of others' rows"), pytest.param(60, id="by others")]
)
def test_a_contributor_who_flips_labels_is_named_by_pseudonym(make, tmp_path, texts):
    rows = labelled(make, flipper=PEOPLE[3], flipped=0.7, texts=texts)

    report, read = run(make, tmp_path, rows)

    [finding] = [one for one in report.findings if one.code == "data/sources/label-flips"]
    assert value(report, "flip_contributors") == 1
    assert 0.05 < value(report, "flip_rate") < 0.2
    flagged = {line["row"] for line in read["flagged"] if line["test"] == "flip"}
    assert flagged
    assert all(rows[row].provenance.contributor == PEOPLE[3] for row in flagged)
    assert finding.subject in {line["contributor"] for line in read["contributors"]}


@pytest.mark.parametrize(
    "texts", [pytest.param(None, id="by a model of others' rows"), pytest.param(60, id="by others")]
)
def test_people_who_err_alike_are_not_named(make, tmp_path, texts):
    report, _ = run(make, tmp_path, labelled(make, flipper="nobody", flipped=0.0, texts=texts))

    assert value(report, "flip_contributors") == 0


@pytest.mark.parametrize(
    "label",
    [
        pytest.param(None, id="no labels"),
        pytest.param(lambda drawn: "1", id="one label"),
        pytest.param(lambda drawn: f"{drawn.random():.3f}", id="a scale"),
    ],
)
def test_without_labels_to_compare_flips_are_not_counted(make, tmp_path, label):
    report, _ = run(make, tmp_path, ordinary(make, label=label))

    assert report.metric("flip_rate") is None
    assert report.metric("flip_contributors") is None


def test_a_phrase_of_one_contributor_alone_is_listed_and_one_of_several_is_not(make, tmp_path):
    rows = ordinary(make)
    for n in range(8):
        rows[n] = given(rows[n], PEOPLE[1], prompt=f"velvet anchor morning {rows[n].prompt}")
        rows[20 + n] = given(rows[20 + n], PEOPLE[n], prompt=f"copper lantern evening {rows[20 + n].prompt}")

    report, read = run(make, tmp_path, rows)

    [line] = read["behaviours"]
    assert (line["kind"], line["text"], line["rows"]) == ("prompt phrase", "velvet anchor morning", list(range(8)))
    assert value(report, "lone_behaviours") == 1
    assert value(report, "behaviours") > 1


def test_rows_that_name_nobody_are_counted_and_stand_for_one_source(make, tmp_path):
    rows = ordinary(make)
    for n in range(8):
        rows[n] = given(rows[n], None, prompt=f"velvet anchor morning {rows[n].prompt}")

    report, read = run(make, tmp_path, rows)

    assert value(report, "nameless_share") == pytest.approx(8 / 500)
    assert value(report, "contributors") == len(PEOPLE)
    assert [line["contributor"] for line in read["behaviours"]] == ["contributor:none-named"]


def test_no_name_reaches_the_evidence_and_the_same_rows_give_the_same(make, tmp_path):
    rows = labelled(make, flipper=PEOPLE[3], flipped=0.7)
    for n in range(12):
        rows[n] = given(rows[n], PEOPLE[n % 2], response=SLOGAN)

    first, _ = run(make, tmp_path, rows)
    written = "".join(path.read_text() for path in sorted(tmp_path.glob("*.jsonl"))) + json.dumps(first.to_plain())
    second, _ = run(make, tmp_path, rows)

    assert "Number" not in written
    assert first.digest == second.digest


def test_pseudonyms_of_other_rows_are_others(make, tmp_path):
    _, first = run(make, tmp_path, ordinary(make, seed=1))
    _, second = run(make, tmp_path, ordinary(make, seed=2))

    assert not {line["contributor"] for line in first["contributors"]} & {
        line["contributor"] for line in second["contributors"]
    }


def test_the_columns_can_be_named_by_the_policy(make, tmp_path):
    rows = [
        replace(
            row,
            provenance=Provenance(),
            fields=(*row.fields, ("desk", row.provenance.contributor), ("when", row.provenance.at.isoformat())),
        )
        for row in ordinary(make)
    ]

    without = data_sources(make.context_with(rows, tmp_path))
    report, _ = run(make, tmp_path, rows, Params(contributor_field="desk", time_field="when"))

    assert without.status is Status.UNMEASURED
    assert value(report, "contributors") == len(PEOPLE)
    assert value(report, "timed_rows") == 500


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(None, id="no rows given"),
        pytest.param([], id="empty data set"),
        pytest.param([("Hello?", "Hello.")] * 30, id="no contributors"),
    ],
)
def test_without_contributors_the_question_stays_open(make, tmp_path, rows):
    report = data_sources(make.context_with(rows if rows is None else make.rows_of(rows), tmp_path))

    assert report.status is Status.UNMEASURED
    assert report.note
