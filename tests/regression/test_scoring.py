"""Batched, branched and masked scoring gives the numbers of one plain forward pass per text."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression import ChoiceItem, ModelError, ModelRef, Session, TextItem
from regression.header import Header
from regression.models import LoadedBase, load_encoder
from regression.paths import choice_paths, text_paths
from regression.rows import apart, in_turns, packed, shared_header
from regression.scoring import run_units
from regression.topk import unpack
from regression.work import plan


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


def units_of(items, encoder, *, branching, header=0):
    paths = choice_paths(items, encoder)
    if branching:
        return packed(range(len(items)), paths, header=header)
    return tuple(apart(n, own) for n, own in enumerate(paths))


def run(model, items, units, **how):
    found = run_units(model, items, units, **how)
    return [found[n] for n in sorted(found)]


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

    outputs = run(champion, items, units_of(items, encoder, branching=branching))

    for item, output in zip(items, outputs, strict=True):
        context = [*encoder.prefix, *encoder.ids(item.prompt)]
        expected = [naive(champion, context, encoder.ids(choice)) for choice in item.choices]
        assert output.numbers == pytest.approx(expected, abs=2e-5)


def test_a_header_read_once_gives_the_numbers_of_one_pass_each(champion, encoder, suites):
    opening = " ".join(suites["prose"].items[0].text.split()[:30])
    items = [
        dataclasses.replace(item, prompt=f"{opening} {item.prompt}") for item in long_choices(suites["knowledge"])
    ]
    paths = choice_paths(items, encoder)
    length = shared_header(paths)
    header = Header.read(champion, paths[0][0].tokens[:length])

    outputs = run(champion, items, units_of(items, encoder, branching=True, header=length), header=header)

    assert length >= 16
    for item, own, output in zip(items, paths, outputs, strict=True):
        expected = [naive(champion, path.tokens[: path.start], path.tokens[path.start :]) for path in own]
        assert output.numbers == pytest.approx(expected, abs=2e-5), item.id


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

    branched = run(model, items, units_of(items, encoder, branching=True))
    separate = run(model, items, units_of(items, encoder, branching=False))

    for one, other in zip(branched, separate, strict=True):
        assert one.numbers == pytest.approx(other.numbers, abs=2e-5)


def test_a_tokenizer_that_merges_across_the_boundary_scores_the_same_text(encoder):
    class Merging:
        """Reads pairs of letters, so that the prompt's last letter may join the choice's first."""

        prefix = (0,)

        @staticmethod
        def ids(text):
            return [sum(map(ord, text[n : n + 2])) % 300 for n in range(0, len(text), 2)]

        @classmethod
        def whole(cls, texts):
            return [[0, *cls.ids(text)] for text in texts]

    item = ChoiceItem(id="a", cluster="a", topic="a", prompt="abcde", choices=("f", "gh", "ijk"), answer=0, digest="d")

    (paths,) = choice_paths([item], Merging)

    for path, choice in zip(paths, item.choices, strict=True):
        assert path.tokens == (0, *Merging.ids("abcde" + choice))
        assert path.start == 3


def test_text_likelihoods_equal_one_pass_each_and_keep_the_largest(champion, encoder, suites):
    import torch

    items = suites["prose"].items[:12]

    units = [apart(n, text_paths(item, encoder)) for n, item in enumerate(items)]
    outputs = run(champion, items, units)

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

    paths = text_paths(item, encoder, window=25)

    assert max(len(path.tokens) for path in paths) <= 25
    assert [token for path in paths for token in path.tokens[path.start :]] == encoder.ids(item.text)


def test_the_windows_of_one_long_text_are_run_in_parts_that_fit(champion, encoder):
    item = TextItem(id="a", cluster="a", topic="a", text="The old fox sees the river . " * 20, digest="d")
    units = [apart(0, text_paths(item, encoder, window=25))]

    (whole,) = run(champion, [item], units)
    (parts,) = run(champion, [item], units, most=60)

    assert len(in_turns(units[0].rows, 60)) > 1
    assert parts.numbers == pytest.approx(whole.numbers, abs=1e-4)
    assert parts.written == whole.written
    assert unpack(parts.top)[0].tolist() == unpack(whole.top)[0].tolist()


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
        def whole(texts):
            return [[] for _ in texts]

    item = ChoiceItem(id="a", cluster="a", topic="a", prompt="p", choices=(" x", " y"), answer=0, digest="d")

    with pytest.raises(ModelError, match="nothing to score for item 'a'"):
        choice_paths([item], Mute)
