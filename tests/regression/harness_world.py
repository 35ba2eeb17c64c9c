"""Task files over the tiny world, run by lm-evaluation-harness itself."""

import json

import yaml

from regression import load_suite

COMMON = {"dataset_path": "json", "test_split": "test", "metadata": {"version": 1.0}}
LONGER = ("", "", " fox", " the old miller follows", " äöüßäöüßäöüß")


def metrics(*names):
    usual = {"perplexity": "perplexity", "bits_per_byte": "bits_per_byte"}
    return [
        {
            "metric": name,
            "aggregation": usual.get(name, "weighted_perplexity" if name.endswith("perplexity") else "mean"),
            "higher_is_better": "perplexity" not in name and name != "bits_per_byte",
        }
        for name in names
    ]


def write_tasks(folder, tiny_world):
    """Write five task files and their data; return the paths of the task files by name."""
    facts = [item.row for name in ("knowledge", "acquired") for item in load_suite(tiny_world.suites[name]).items]
    documents = [item.row for item in load_suite(tiny_world.suites["prose"]).items][:20]
    orders = [item.row for item in load_suite(tiny_world.suites["instructions"]).items][:24]
    data = {
        "facts": [
            {
                "q": row["prompt"],
                # Choices of several lengths, and letters of several bytes: each normalisation chooses differently.
                "options": [c.strip() + LONGER[(n + k) % len(LONGER)] for k, c in enumerate(row["choices"])],
                "gold": row["answer"],
            }
            for n, row in enumerate(facts)
        ],
        "prose": [{"page": row["text"]} for row in documents],
        "orders": [
            {"ask": row["messages"][0]["content"], "say": row["messages"][0]["content"].split()[-2]} for row in orders
        ],
    }
    for name, rows in data.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    choice = {
        **COMMON,
        "dataset_kwargs": {"data_files": {"test": "facts.jsonl"}},
        "output_type": "multiple_choice",
        "doc_to_text": "q",
        "doc_to_choice": "options",
        "doc_to_target": "gold",
        "metric_list": metrics("acc", "acc_norm", "acc_bytes"),
    }
    answered = "{{options[gold].split()[0]}}"
    tasks = {
        "tiny_choice": choice,
        "tiny_shots": {
            **choice,
            "description": "Facts of another world .\n\n",
            "fewshot_split": "test",
            "num_fewshot": 2,
            "fewshot_config": {"sampler": "first_n"},
        },
        "tiny_cloze": {
            **choice,
            "output_type": "loglikelihood",
            "doc_to_choice": None,
            "doc_to_target": " " + answered,
            "metric_list": metrics("perplexity", "acc"),
        },
        "tiny_rolling": {
            **COMMON,
            "dataset_kwargs": {"data_files": {"test": "prose.jsonl"}},
            "output_type": "loglikelihood_rolling",
            "doc_to_text": "",
            "doc_to_target": "page",
            "metric_list": metrics("word_perplexity", "byte_perplexity", "bits_per_byte"),
        },
        "tiny_generate": {
            **COMMON,
            "dataset_kwargs": {"data_files": {"test": "facts.jsonl"}},
            "output_type": "generate_until",
            "doc_to_text": "q",
            "doc_to_target": answered,
            "generation_kwargs": {"until": ["\n"], "max_gen_toks": 3, "do_sample": False},
            "metric_list": [{**metrics("exact_match")[0], "ignore_case": True}],
            "filter_list": [
                {
                    "name": "first",
                    "filter": [
                        {"function": "regex", "regex_pattern": r"(\w+)"},
                        {"function": "lowercase"},
                        {"function": "take_first"},
                    ],
                }
            ],
        },
    }
    paths = {}
    for name, task in tasks.items():
        paths[name] = folder / f"{name}.yaml"
        paths[name].write_text(yaml.safe_dump({"task": name, **task}), encoding="utf-8")
    return paths


def run_harness(folder, model, names, output, **options):
    """Let the harness evaluate tasks and write its samples; return its results and the samples as written."""
    from lm_eval import simple_evaluate
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    tracker = EvaluationTracker(output_path=str(output))
    lm = HFLM(pretrained=str(model), dtype="float32", device="cpu", batch_size=8, max_length=256, **options)
    found = simple_evaluate(
        model=lm,
        tasks=list(names),
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=0,
        log_samples=True,
        evaluation_tracker=tracker,
    )
    samples = found.pop("samples")
    tracker.save_results_aggregated(results=found, samples=samples)
    written = {}
    for name in names:
        tracker.save_results_samples(task_name=name, samples=samples[name])
        path = next(output.rglob(f"samples_{name}_*.jsonl"))
        written[name] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return found["results"], written
