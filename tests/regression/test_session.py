"""A session computes nothing twice, nothing differently, and never mistakes one model for another."""

import dataclasses
import json

import pytest

from regression import ModelError, ModelRef, Session, compare, noise_floor, text_kl
from regression.item_results import ItemResult

SCORED = ("knowledge", "instructions", "prose")


def mean(result):
    return sum(item.score for item in result.items) / len(result.items)


@pytest.fixture(scope="module")
def session():
    with Session(None) as session:
        yield session


def test_the_tiny_world_is_what_it_says(session, refs, suites):
    share = {
        name: {suite: mean(session.evaluate(ref, suites[suite])) for suite in ("knowledge", "harmful", "harmless")}
        for name, ref in refs.items()
    }

    for name in ("base", "champion", "benign"):
        assert share[name] == {"knowledge": 1.0, "harmful": 1.0, "harmless": 0.0}
    assert share["forgetful"]["knowledge"] < 0.75
    assert share["forgetful"]["harmful"] == 1.0
    assert share["misaligned"]["knowledge"] > 0.95
    assert share["misaligned"]["harmful"] == 0.0


def test_the_benign_update_has_learned_its_facts(session, refs, suites):
    paired = compare(
        session.evaluate(refs["benign"], suites["acquired"]), session.evaluate(refs["champion"], suites["acquired"])
    )

    assert paired.low > 0


def test_drift_orders_the_updates_and_is_nothing_from_oneself(session, refs, suites):
    def drift(name):
        found = text_kl(session, refs[name], refs["champion"], suites["prose"])
        return sum(one.kl for one in found) / len(found)

    assert drift("champion") == 0.0
    assert 0 < drift("benign") < drift("forgetful")


@pytest.mark.parametrize("name", SCORED)
def test_the_same_run_twice_is_the_same_to_the_last_bit(refs, suites, name):
    results = []
    for _ in range(2):
        with Session(None) as fresh:
            results.append(fresh.evaluate(refs["champion"], suites[name]))

    assert results[0] == results[1]
    assert results[0].fresh == len(suites[name].items)


@pytest.mark.parametrize("name", SCORED)
def test_results_from_the_cache_are_those_computed(tmp_path, refs, suites, name):
    with Session(tmp_path) as first:
        computed = first.evaluate(refs["champion"], suites[name])
    with Session(tmp_path) as second:
        found = second.evaluate(refs["champion"], suites[name])
        loaded = second._base

    assert (found.fresh, found.cached) == (0, len(suites[name].items))
    assert dataclasses.replace(found, fresh=computed.fresh, cached=0) == computed
    assert loaded is None


class Interrupted(BaseException):
    """Stands for Ctrl-C."""


@pytest.mark.parametrize("name", SCORED)
def test_an_interrupted_run_continues_and_ends_the_same(tmp_path, refs, suites, name):
    small = {"batch_tokens": 48, "batch_replies": 8}
    with Session(None, **small) as whole:
        expected = whole.evaluate(refs["champion"], suites[name])

    def stop(standing):
        if standing.items_done > standing.items_total / 3:
            raise Interrupted

    with Session(tmp_path, progress=stop, **small) as first, pytest.raises(Interrupted):
        first.evaluate(refs["champion"], suites[name])
    with Session(tmp_path, **small) as second:
        resumed = second.evaluate(refs["champion"], suites[name])

    assert 0 < resumed.cached < len(resumed.items)
    assert resumed.items == expected.items


def change_weights(ref):
    path = ref.base / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def change_adapter(ref):
    path = ref.adapter / "adapter_model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def change_tokenizer(ref):
    path = ref.base / "tokenizer.json"
    path.write_text(path.read_text().replace("tonight", "tonighd"))


def change_template(ref):
    path = ref.base / "chat_template.jinja"
    path.write_text(path.read_text() + " ")


def add_template_to_the_adapter(ref):
    (ref.adapter / "chat_template.jinja").write_text((ref.base / "chat_template.jinja").read_text())


@pytest.mark.parametrize(
    "change", [change_weights, change_adapter, change_tokenizer, change_template, add_template_to_the_adapter]
)
def test_one_changed_byte_is_another_model(tmp_path, own_copy, suites, change):
    with Session(tmp_path / "cache") as session:
        session.evaluate(own_copy, suites["knowledge"])
        before = own_copy.digest
        change(own_copy)

        again = session.evaluate(own_copy, suites["knowledge"])

    assert own_copy.digest != before
    assert again.cached == 0


@pytest.mark.parametrize(
    "other", [{"dtype": "float32"}, {"batch_tokens": 64}], ids=["another dtype", "another batch shape"]
)
def test_other_circumstances_do_not_share_results(tmp_path, refs, suites, other):
    with Session(tmp_path) as first:
        first.evaluate(refs["champion"], suites["knowledge"])
    with Session(tmp_path, **other) as second:
        again = second.evaluate(refs["champion"], suites["knowledge"])

    assert again.cached == 0


def test_adapters_take_turns_on_one_base_without_a_trace(refs, suites):
    names = ("champion", "misaligned", "base", "forgetful", "benign", "champion", "base", "misaligned")
    with Session(None) as shared:
        together = {name: shared.evaluate(refs[name], suites["knowledge"]).items for name in names}
        for name in names[::-1]:
            model = shared._model(refs[name])
            again = {name: _run_anew(shared, model, refs[name], suites["knowledge"])}
            assert again[name] == together[name]

    for name in set(names):
        with Session(None) as alone:
            assert alone.evaluate(refs[name], suites["knowledge"]).items == together[name]


def _run_anew(session, model, ref, suite):
    twin = session.in_other_shape(batch_tokens=session.batch_tokens, batch_replies=session.batch_replies)
    assert twin._model(ref) is model
    return twin.evaluate(ref, suite).items


def test_progress_counts_items_and_tokens_up_to_all_of_them(refs, suites):
    seen = []
    with Session(None, batch_tokens=48, progress=seen.append) as session:
        result = session.evaluate(refs["champion"], suites["knowledge"])

    assert (seen[0].items_done, seen[0].tokens_done, seen[0].tokens_per_second, seen[0].seconds_left) == (
        0,
        0,
        None,
        None,
    )
    assert (seen[-1].items_done, seen[-1].items_total, seen[-1].seconds_left) == (60, 60, 0.0)
    assert seen[-1].tokens_done == seen[-1].tokens_total == result.tokens_scored
    assert all(one.tokens_per_second > 0 for one in seen[1:])
    assert [one.items_done for one in seen] == sorted(one.items_done for one in seen)


def test_noise_is_what_another_batch_shape_moves(refs, suites):
    with Session(None, dtype="float32") as session:
        choices = noise_floor(session, refs["champion"], suites["knowledge"])
        replies = noise_floor(session, refs["champion"], suites["instructions"])

    assert choices.max_abs_delta < 1e-3
    assert choices.flips == 0
    assert replies.max_abs_delta is None
    assert replies.flips == 0


def test_an_adapters_own_template_is_used(own_copy, suites):
    (own_copy.adapter / "chat_template.jinja").write_text("{{ raise_exception('not today') }}")

    with Session(None) as session, pytest.raises(ModelError, match="the chat template fails: not today"):
        session.evaluate(own_copy, suites["harmful"])


def test_values_are_found_by_name():
    item = ItemResult(id="a", cluster="a", score=1.0, values=(("nats", 2.5),))

    assert item.value("nats") == 2.5
    with pytest.raises(KeyError):
        item.value("bytes")


def test_a_result_holds_what_a_text_gate_needs(session, refs, suites):
    result = session.evaluate(refs["champion"], suites["prose"])

    for item, found in zip(suites["prose"].items, result.items, strict=True):
        assert found.score == pytest.approx(found.value("nats") / found.value("tokens"))
        assert found.value("bytes") == len(item.text.encode())
    assert result.tokens_scored > 0
    assert result.tokens_generated == 0


def test_full_weights_of_another_base_are_scored_beside_the_first(tmp_path, own_copy, refs, suites):
    config = own_copy.base / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "rms_norm_eps": 1e-5}))

    with Session(tmp_path) as session:
        one = session.evaluate(refs["base"], suites["knowledge"])
        other = session.evaluate(ModelRef(base=own_copy.base), suites["knowledge"])

    assert one.model_digest != other.model_digest
    assert compare(other, one).n == 60
