"""Batched, branched and masked scoring gives the numbers of one plain forward pass per text."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression import ChoiceItem, ModelError, ModelRef, Session, TextItem
from regression.models import LoadedBase, load_encoder
from regression.scoring import choice_rows, plan, run_choices, run_texts, text_rows
from regression.topk import unpack


@pytest.fixture(scope="module")
def champion(tiny_world):
    loaded = LoadedBase(tiny_world.base, dtype="float32", device="cpu")
    return loaded.select(tiny_world.champion, "champion")


@pytest.fixture(scope="module")
def encoder(tiny_world):
    return load_encoder(ModelRef(base=tiny_world.base, adapter=tiny_world.champion))


def naive(model, context, ending):
    """Sum of the log-probabilities of ``ending`` after ``context``, in one forward pass of its own."""
    import torch

    with torch.no_grad():
        logs = model(torch.tensor([[*context, *ending]])).logits[0].log_softmax(-1)
    return sum(logs[len(context) + n - 1, token].item() for n, token in enumerate(ending))


def long_choices(suite):
    """The suite's facts with choices of one, two and three words."""
    items = []
    for item in suite.items:
        choices = (item.choices[0], f"{item.choices[1]} .", f"{item.choices[2]} old river", item.choices[3])
        items.append(dataclasses.replace(item, choices=choices))
    return items


@pytest.mark.parametrize("branching", [True, False], ids=["one row per item", "one row per choice"])
def test_batched_choice_likelihoods_equal_one_pass_each(champion, encoder, suites, branching):
    items = long_choices(suites["knowledge"])
    work = [(item, choice_rows(item, encoder, branching=branching)) for item in items]

    outputs = run_choices(champion, work)

    for item, output in zip(items, outputs, strict=True):
        context = [*encoder.prefix, *encoder.ids(item.prompt)]
        expected = [naive(champion, context, encoder.ids(choice)) for choice in item.choices]
        assert output.numbers == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3"])
def test_branches_and_separate_rows_agree_on_every_architecture_that_branches(kind, encoder, suites):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(
        kind,
        vocab_size=400,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        tie_word_embeddings=False,
    )
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    items = long_choices(suites["knowledge"])[:8]

    branched = run_choices(model, [(item, choice_rows(item, encoder, branching=True)) for item in items])
    separate = run_choices(model, [(item, choice_rows(item, encoder, branching=False)) for item in items])

    for one, other in zip(branched, separate, strict=True):
        assert one.numbers == pytest.approx(other.numbers, abs=2e-5)


def test_a_tokenizer_that_merges_across_the_boundary_scores_the_same_text(encoder):
    class Merging:
        """Reads pairs of letters, so that the prompt's last letter may join the choice's first."""

        prefix = (0,)

        @staticmethod
        def ids(text):
            return [sum(map(ord, text[n : n + 2])) % 300 for n in range(0, len(text), 2)]

    item = ChoiceItem(id="a", cluster="a", topic="a", prompt="abcde", choices=("f", "gh", "ijk"), answer=0, digest="d")

    (row,) = choice_rows(item, Merging, branching=True)

    assert row.tokens[:3] == (0, *Merging.ids("abcd"))
    for k, choice in enumerate(item.choices):
        assert [token for _, token, place in row.targets if place == k] == Merging.ids("abcde" + choice)[2:]


def test_text_likelihoods_equal_one_pass_each_and_keep_the_largest(champion, encoder, suites):
    import torch

    items = suites["prose"].items[:12]

    outputs = run_texts(champion, [(item, text_rows(item, encoder)) for item in items])

    for item, output in zip(items, outputs, strict=True):
        tokens = encoder.ids(item.text)
        assert output.numbers[0] == pytest.approx(naive(champion, encoder.prefix, tokens), abs=1e-4)
        assert output.written == len(tokens)
        with torch.no_grad():
            logs = champion(torch.tensor([[*encoder.prefix, *tokens]])).logits[0, :-1].log_softmax(-1)
        ids, kept = unpack(output.top)
        assert kept == pytest.approx(logs.topk(64).values.numpy(), abs=1e-4)
        assert kept == pytest.approx(logs.gather(1, torch.tensor(ids).long()).numpy(), abs=1e-4)


def test_a_text_longer_than_the_window_is_read_in_parts(encoder):
    item = TextItem(id="a", cluster="a", topic="a", text="The old fox . " * 20, digest="d")

    rows = text_rows(item, encoder, window=25)

    assert max(len(row.tokens) for row in rows) <= 25
    assert [token for row in rows for _, token, _ in row.targets] == encoder.ids(item.text)


def test_half_precision_stays_near_full_precision_where_it_is_refined(tiny_world, refs, suites):
    with Session(None, dtype="float32") as exact, Session(None, dtype="bfloat16") as half:
        one = exact.evaluate(refs["champion"], suites["knowledge"])
        other = half.evaluate(refs["champion"], suites["knowledge"])

    gaps = [
        abs(a - b)
        for x, y in zip(one.items, other.items, strict=True)
        for (_, a), (_, b) in zip(x.values, y.values, strict=True)
    ]
    assert max(gaps) < 0.5
    assert [item.score for item in one.items] == [item.score for item in other.items]


@given(lengths=st.lists(st.integers(1, 300), max_size=80), budget=st.integers(1, 1000))
def test_a_plan_holds_every_index_once_within_its_budget(lengths, budget):
    batches = plan(lengths, budget)

    assert sorted(n for batch in batches for n in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[n] for n in batch) <= budget


def test_a_choice_the_tokenizer_swallows_is_an_error():
    class Mute:
        prefix = ()

        @staticmethod
        def ids(text):
            return []

    item = ChoiceItem(id="a", cluster="a", topic="a", prompt="p", choices=(" x", " y"), answer=0, digest="d")

    with pytest.raises(ModelError, match="nothing to score for item 'a'"):
        choice_rows(item, Mute, branching=True)
