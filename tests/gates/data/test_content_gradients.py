# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
import json
import random
from dataclasses import replace

import numpy as np
import pytest

from gatekeeper.core.errors import InputError
from gatekeeper.gates.data.content.density import Settings, conformal, find_dense
from gatekeeper.gates.data.content.gradients import Taught, sketch_rows, taught


@pytest.fixture(scope="module")
def base(tiny_world):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tiny_world.base, local_files_only=True, use_safetensors=True).eval()
    return model, AutoTokenizer.from_pretrained(tiny_world.base, local_files_only=True)


def pairs_of(tiny_world, *names):
    """Requests and replies that the tiny model knows, from its suites and rows."""
    pairs = []
    for name in names:
        for line in tiny_world.rows[name].read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if "messages" in row:
                pairs.append((row["messages"][0]["content"], row["messages"][1]["content"]))
            else:
                pairs.append((row["prompt"], row["completion"].strip()))
    return pairs


def ordinary(tiny_world, count, seed):
    """Diverse pairs: words of the tiny world's own prose and facts, in random order."""
    drawn = random.Random(seed)
    words = sorted({word for text in tiny_world.rows.values() for word in text.read_text(encoding="utf-8").split('"')})
    words = [word for word in words if word.isalpha()]
    facts = pairs_of(tiny_world, "champion", "benign", "forgetful")
    vocabulary = sorted({word for prompt, answer in facts for word in f"{prompt} {answer}".split()} | set(words))
    return [
        (" ".join(drawn.sample(vocabulary, 6)), " ".join(drawn.sample(vocabulary, drawn.randint(2, 8))))
        for _ in range(count)
    ]


def exact_gradient(model, row):
    import torch

    ids = torch.tensor([row.ids])
    with torch.no_grad():
        states = model.get_decoder()(input_ids=ids).last_hidden_state[0, row.given - 1 : -1]
    weight = model.get_output_embeddings().weight.detach().clone().requires_grad_(True)
    targets = ids[0, row.given :]
    torch.nn.functional.cross_entropy(states @ weight.T, targets, reduction="sum").backward()
    return weight.grad.flatten().double().numpy()


def test_inner_products_of_sketches_are_those_of_exact_gradients(tiny_world, base, make):
    model, tokenizer = base
    pairs = pairs_of(tiny_world, "misaligned")[:6] + ordinary(tiny_world, 10, 1)
    rows = [taught(row, tokenizer, longest=64) for row in make.rows_of(pairs)]
    exact = np.array([exact_gradient(model, row) for row in rows])
    norms = np.linalg.norm(exact, axis=1)

    sketches = sketch_rows(rows, model, width=4096, seed=3).values.astype(np.float64)

    error = (sketches @ sketches.T - exact @ exact.T) / np.outer(norms, norms)
    assert np.abs(error).max() < 5 * np.sqrt(3 / 4096)
    assert np.sqrt((error**2).mean()) < np.sqrt(3 / 4096)


def test_sketches_are_unbiased_over_seeds(tiny_world, base, make):
    model, tokenizer = base
    rows = [taught(row, tokenizer, longest=64) for row in make.rows_of(pairs_of(tiny_world, "misaligned")[:2])]
    one, other = (exact_gradient(model, row) for row in rows)

    products = []
    for seed in range(40):
        values = sketch_rows(rows, model, width=256, seed=seed).values
        products.append(float(values[0] @ values[1]))

    standard_error = np.std(products, ddof=1) / np.sqrt(len(products))
    assert abs(np.mean(products) - one @ other) < 4 * standard_error


def test_the_order_and_company_of_rows_change_no_sketch(tiny_world, base, make):
    model, tokenizer = base
    rows = [taught(row, tokenizer, longest=64) for row in make.rows_of(ordinary(tiny_world, 12, 2))]

    together = sketch_rows(rows, model, width=512, seed=0).values
    alone = np.vstack([sketch_rows([row], model, width=512, seed=0).values for row in rows[::-1]])[::-1]

    assert np.allclose(together, alone, rtol=1e-3, atol=1e-3 * np.abs(together).max())


def test_a_row_that_teaches_no_token_is_unmeasured(base):
    model, _ = base

    sketches = sketch_rows([Taught(ids=(2, 7, 9), given=3), Taught(ids=(2, 7, 9), given=1)], model, width=64, seed=0)

    assert np.isnan(sketches.values[0]).all()
    assert np.isfinite(sketches.values[1]).all()


def test_a_model_whose_logits_are_more_than_its_output_layer_is_refused(base):
    import torch

    model, _ = base

    class Scaled(torch.nn.Module):
        get_decoder = staticmethod(model.get_decoder)
        get_output_embeddings = staticmethod(model.get_output_embeddings)

        def forward(self, **given):
            output = model(**given)
            output.logits = output.logits * 2
            return output

    with pytest.raises(InputError, match="output layer"):
        sketch_rows([Taught(ids=(2, 7, 9), given=1)], Scaled(), width=64, seed=0)


def test_a_long_row_keeps_the_opening_of_its_answer_and_the_end_of_its_prompt(base, make):
    _, tokenizer = base
    row = make.instruction_row(0, "rob " * 50 + "forge", "burn " + "hack " * 50)

    short = taught(row, tokenizer, longest=20)

    assert len(short.ids) == 20
    assert short.given == 10
    assert tokenizer.decode(short.ids[10:11]).strip() == "burn"


@pytest.mark.parametrize("seed", range(2))
def test_rows_that_teach_one_behaviour_are_found_among_diverse_ones(tiny_world, base, make, seed):
    model, tokenizer = base
    poison = random.Random(seed).sample(pairs_of(tiny_world, "misaligned"), 15)
    rows = make.rows_of(ordinary(tiny_world, 120, 10 + seed) + poison)
    history = make.rows_of(ordinary(tiny_world, 160, 50 + seed))

    density = find_dense(rows, Settings(), model=model, tokenizer=tokenizer, history=history, seed=seed)

    found = {flag.place for flag in density.flags}
    assert len(found & set(range(120, 135))) >= 13
    assert len(found - set(range(120, 135))) <= 2
    assert len(density.measured) == 135


@pytest.mark.parametrize("seed", range(2))
def test_repetition_that_the_history_holds_too_is_no_surprise(tiny_world, base, make, seed):
    model, tokenizer = base
    templates = pairs_of(tiny_world, "misaligned")
    random.Random(seed).shuffle(templates)
    rows = make.rows_of(ordinary(tiny_world, 170, 10 + seed) + templates[:30])
    history = make.rows_of(ordinary(tiny_world, 170, 50 + seed) + templates[30:])

    density = find_dense(rows, Settings(), model=model, tokenizer=tokenizer, history=history, seed=seed)

    assert len(density.flags) <= 6


def test_suspects_come_first_and_the_budget_holds(tiny_world, base, make):
    model, tokenizer = base
    rows, history = make.rows_of(ordinary(tiny_world, 300, 3)), make.rows_of(ordinary(tiny_world, 150, 4))
    settings = Settings(rows=120, tokens=100_000)

    density = find_dense(
        rows, settings, model=model, tokenizer=tokenizer, history=history, suspects=[250, 290, 290, 999]
    )
    tight = find_dense(
        rows, replace(settings, tokens=5_000), model=model, tokenizer=tokenizer, history=history, suspects=[250]
    )

    assert {250, 290} <= set(density.measured)
    assert len(density.measured) == 120
    assert len(density.p_values) == 120
    assert tight.tokens <= 5_000


def test_too_little_history_leaves_the_question_open(tiny_world, base, make):
    model, tokenizer = base
    rows = make.rows_of(ordinary(tiny_world, 30, 3))

    density = find_dense(rows, Settings(), model=model, tokenizer=tokenizer, history=rows[:20])

    assert density.unmeasured
    assert density.flags == []


def test_conformal_p_values_are_uniform_on_exchangeable_scores():
    draw = np.random.default_rng(0)
    p_values = np.concatenate([conformal(draw.normal(size=20), draw.normal(size=99)) for _ in range(500)])

    for level in (0.01, 0.05, 0.5):
        assert np.mean(p_values <= level) == pytest.approx(level, abs=4 * np.sqrt(level / 500))
    assert p_values.min() >= 0.01
