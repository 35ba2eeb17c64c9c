"""The drift reported never exceeds the true divergence, and comes close to it where the models are close."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression.drift import topk_kl
from regression.topk import pack, unpack

VOCABULARY, KEPT = 200, 16


def distribution(rng, base=None, noise=1.0):
    logits = (
        rng.normal(scale=2.0, size=(5, VOCABULARY))
        if base is None
        else base + rng.normal(scale=noise, size=base.shape)
    )
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def largest(logs):
    ids = np.argsort(-logs, axis=1, kind="stable")[:, :KEPT]
    return ids, np.take_along_axis(logs, ids, axis=1)


@given(seed=st.integers(0, 10_000), noise=st.sampled_from([0.0, 0.05, 0.5, 3.0]))
def test_the_drift_is_a_lower_bound_of_the_full_divergence(seed, noise):
    rng = np.random.default_rng(seed)
    p = distribution(rng)
    q = distribution(rng, base=p, noise=noise)

    found = topk_kl(largest(p), largest(q))

    full = (np.exp(p) * (p - q)).sum(axis=1)
    assert (found >= 0).all()
    assert (found <= full + 1e-9).all()


def test_a_model_has_no_drift_from_itself():
    p = distribution(np.random.default_rng(1))

    assert topk_kl(largest(p), largest(p)) == pytest.approx(0.0, abs=1e-9)


def test_the_drift_of_a_near_model_is_most_of_the_full_divergence():
    rng = np.random.default_rng(2)
    p = distribution(rng)
    q = distribution(rng, base=p, noise=0.3)

    found = topk_kl(largest(p), largest(q)).mean()

    full = (np.exp(p) * (p - q)).sum(axis=1).mean()
    assert found > 0.5 * full


def test_models_that_agree_on_no_token_are_far_apart():
    p = np.full((1, VOCABULARY), -12.0)
    q = p.copy()
    p[0, :KEPT] = np.log(0.99 / KEPT)
    q[0, -KEPT:] = np.log(0.99 / KEPT)

    assert topk_kl(largest(p), largest(q))[0] > 3.0


def test_packed_positions_come_back_block_after_block():
    rng = np.random.default_rng(3)
    blocks = [largest(distribution(rng)) for _ in range(3)]

    ids, logs = unpack(b"".join(pack(*block) for block in blocks))

    assert (ids == np.concatenate([block[0] for block in blocks])).all()
    assert logs == pytest.approx(np.concatenate([block[1] for block in blocks]), abs=1e-5)
