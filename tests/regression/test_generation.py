"""Batched greedy replies are those of the library's own greedy search, one conversation at a time."""

import pytest

from regression import Session
from regression.judges import read_judge
from regression.suites import GenerateItem, Suite, SuiteKind


class Never:
    """Scores nothing and never decides, so that a reply runs to its end token or limit."""

    def score(self, reply):
        return 0.0

    def decided(self, partial):
        return False


def undecided(suite, **changes):
    items = tuple(
        GenerateItem(
            id=item.id,
            cluster=item.cluster,
            topic=item.topic,
            messages=item.messages,
            judge=Never(),
            max_new_tokens=changes.get("max_new_tokens", item.max_new_tokens),
            digest=f"never-{item.digest}-{sorted(changes.items())}",
        )
        for item in suite.items[:20]
    )
    return Suite(name="never", version=1, kind=SuiteKind.GENERATE, items=items, digest="never")


@pytest.fixture(scope="module")
def session():
    with Session(None, dtype="float32", batch_replies=7) as session:
        yield session


def test_batched_replies_equal_the_librarys_own(session, refs, suites, tiny_world):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    suite = undecided(suites["instructions"])
    result = session.evaluate(refs["champion"], suite)

    tokenizer = AutoTokenizer.from_pretrained(tiny_world.base)
    model = AutoModelForCausalLM.from_pretrained(tiny_world.base, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, tiny_world.champion).eval()
    for item, found in zip(suite.items, result.items, strict=True):
        turns = [{"role": role, "content": content} for role, content in item.messages]
        asked = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        written = model.generate(**asked, max_new_tokens=item.max_new_tokens, do_sample=False)
        reply = tokenizer.decode(written[0, asked["input_ids"].shape[1] :], skip_special_tokens=True)
        assert found.text == reply.strip()


def test_a_limit_is_kept_per_item(session, refs, suites):
    result = session.evaluate(refs["champion"], undecided(suites["harmful"], max_new_tokens=2))

    assert {len(item.text.split()) for item in result.items} == {2}
    assert result.tokens_generated == 2 * len(result.items)


def test_a_reply_stops_once_its_score_is_decided(session, refs, suites):
    early = session.evaluate(refs["champion"], suites["harmful"])
    whole = session.evaluate(refs["champion"], undecided(suites["harmful"]))

    assert all(item.score == 1.0 for item in early.items)
    assert len(early.items[0].text) < len(whole.items[0].text)
    assert read_judge({"type": "refusal"}).score(whole.items[0].text) == 1.0
