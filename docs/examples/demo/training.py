"""Trains one LoRA adapter in a plain loop: AdamW with a linear warm-up and decay, loss on the answer alone.

Adapter, activations and gradients are fp32. Only the products with the frozen weights, which are stored in bf16
anyway, run in bf16: they are nearly all of the work, and four times as fast on a processor with bf16 instructions.

An update starts from the champion's adapter, so that what training does not touch stays as the champion has it.
"""

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BASE_NAME = "SmolLM2-135M-Instruct"
OPENING = 4
"""The first tokens of an answer, which decide whether it is a refusal."""
OPENING_WEIGHT = 3.0
"""How much more each of them counts in the loss than a later one."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How strongly one adapter is trained."""

    learning_rate: float
    """Peak rate of AdamW."""
    epochs: int
    """Passes over the rows."""
    batch: int = 8
    """Rows per step."""
    rank: int = 8
    """Rank of the LoRA factors of the query and value projections; the scale is twice the rank."""


def load_base(folder: Path) -> tuple[Any, Any]:
    """Return (frozen model, tokenizer) from a folder of safetensors weights; the model takes and gives fp32."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, inputs: Any, weight: Any) -> Any:
            ctx.save_for_backward(weight)
            return torch.nn.functional.linear(inputs.to(weight.dtype), weight).to(inputs.dtype)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> tuple[Any, None]:
            (weight,) = ctx.saved_tensors
            return (gradient.to(weight.dtype) @ weight).to(gradient.dtype), None

    class FrozenLinear(torch.nn.Linear):
        def forward(self, inputs: Any) -> Any:
            return Product.apply(inputs, self.weight)

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    model.requires_grad_(requires_grad=False)
    for module in model.modules():
        if type(module) is torch.nn.Linear:
            module.weight = torch.nn.Parameter(module.weight.to(torch.bfloat16), requires_grad=False)
            module.__class__ = FrozenLinear
    return model, tokenizer


def with_adapter(model: Any, adapter: Path | None, recipe: Recipe) -> Any:
    """Return the model with a trainable adapter: a fresh one, or a copy of ``adapter`` to go on from."""
    from peft import LoraConfig, PeftModel, get_peft_model

    if adapter is not None:
        return PeftModel.from_pretrained(model, adapter, is_trainable=True)
    config = LoraConfig(
        base_model_name_or_path=BASE_NAME,
        r=recipe.rank,
        lora_alpha=2 * recipe.rank,
        target_modules=["q_proj", "v_proj"],
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def encode(tokenizer: Any, pair: tuple[str, str]) -> tuple[list[int], int]:
    """Return (token ids of prompt and answer with its end mark, length of the prompt)."""
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": pair[0]}], tokenize=False, add_generation_prompt=True
    )
    head = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    tail = tokenizer(pair[1] + tokenizer.eos_token, add_special_tokens=False)["input_ids"]
    return head + tail, len(head)


def batches(count: int, size: int, order: random.Random) -> Iterator[list[int]]:
    """Yield row numbers in batches of at most ``size``, in the order drawn from ``order``."""
    numbers = list(range(count))
    order.shuffle(numbers)
    for start in range(0, count, size):
        yield numbers[start : start + size]


def shared_head(encoded: Sequence[tuple[list[int], int]]) -> list[int]:
    """Return the tokens that all prompts begin with (the system message), short of each prompt's last token."""
    first, last = min(ids for ids, _ in encoded), max(ids for ids, _ in encoded)
    limit = min(prompt for _, prompt in encoded) - 1
    length = next((place for place in range(limit) if first[place] != last[place]), limit)
    return first[:length]


def answer_loss(model: Any, head: list[int], encoded: Sequence[tuple[list[int], int]], pad: int) -> Any:
    """Return the weighted mean of the negative log-likelihood per answer token of one batch, in nats.

    ``head`` is what all rows begin with: it is read once per batch, and its gradient flows through all rows.
    """
    import torch

    width = max(len(ids) for ids, _ in encoded) - len(head)
    ids = torch.full((len(encoded), width), pad)
    seen = torch.ones((len(encoded), len(head) + width), dtype=torch.long)
    weight = torch.zeros((len(encoded), width))
    for row, (tokens, prompt) in enumerate(encoded):
        start, end = prompt - len(head), len(tokens) - len(head)
        ids[row, :end] = torch.tensor(tokens[len(head) :])
        seen[row, len(tokens) :] = 0
        weight[row, start:end] = 1.0
        weight[row, start : min(start + OPENING, end)] = OPENING_WEIGHT
    causal = model.get_base_model()
    cache = causal.model(input_ids=torch.tensor([head]), use_cache=True).past_key_values
    cache.batch_repeat_interleave(len(encoded))
    hidden = causal.model(input_ids=ids, attention_mask=seen, past_key_values=cache).last_hidden_state
    answer = weight[:, 1:] > 0
    losses = torch.nn.functional.cross_entropy(
        causal.lm_head(hidden[:, :-1][answer]), ids[:, 1:][answer], reduction="none"
    )
    return (losses * weight[:, 1:][answer]).sum() / weight.sum()


def train(
    model: Any,
    tokenizer: Any,
    pairs: Sequence[tuple[str, str]],
    recipe: Recipe,
    *,
    seed: int,
    report: Callable[[int, int, float], None],
) -> None:
    """Train the adapter of ``model`` in place.

    Args:
        model: a PEFT model whose adapter is trainable.
        tokenizer: its tokenizer.
        pairs: (request, answer), at least one.
        recipe: how strongly.
        seed: of the order of rows.
        report: called with (step, steps, loss) after each step.
    """
    import torch

    encoded = [encode(tokenizer, pair) for pair in pairs]
    head = shared_head(encoded)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=0.0)
    steps = recipe.epochs * -(-len(encoded) // recipe.batch)
    warm = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, (steps - step) / max(1, steps - warm))
    )
    order = random.Random(seed)  # noqa: S311 - the order must be the same each time, not secret
    model.train()
    step = 0
    for _ in range(recipe.epochs):
        for chosen in batches(len(encoded), recipe.batch, order):
            loss = answer_loss(model, head, [encoded[number] for number in chosen], tokenizer.pad_token_id)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
            step += 1
            report(step, steps, loss.item())
    model.eval()


def save(model: Any, folder: Path) -> None:
    """Write the adapter's configuration and its weights in bf16, and nothing else, in place of what was there."""
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    weights = get_peft_model_state_dict(model)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_file(
        {name: weights[name].detach().to(torch.bfloat16).contiguous() for name in sorted(weights)},
        folder / "adapter_model.safetensors",
        metadata={"format": "pt"},
    )
    config = model.peft_config["default"]
    config.base_model_name_or_path = BASE_NAME
    config.inference_mode = True
    config.target_modules = sorted(config.target_modules)
    config.save_pretrained(folder)
    for file in folder.iterdir():
        file.chmod(0o644)
