"""The paired evaluation engine, usable alone: two models, the same items, one honest interval.

::

    from regression import ModelRef, Session, compare, load_suite, non_inferiority

    suite = load_suite("builtin:knowledge")
    with Session(Path("cache")) as session:
        candidate = session.evaluate(ModelRef(base=base, adapter=new), suite)
        champion = session.evaluate(ModelRef(base=base, adapter=old), suite)
    answer = non_inferiority(compare(candidate, champion), margin=0.05)
"""

from regression.drift import Drift, text_kl, topk_kl
from regression.errors import JudgeError, ModelError, OutOfMemory, RegressionError, SuiteError, UnmeasuredError
from regression.flips import Flips, count_flips, name_regressions, regression_p
from regression.item_results import ItemResult, SuiteResult
from regression.models import ModelRef
from regression.noise import NoiseFloor, noise_floor
from regression.paired import Answer, Paired, Proportion, compare, compare_scores, non_inferiority, proportion
from regression.plan import Plan, SuitePlan, Wanted, items_needed, joint_plan, margin_reachable
from regression.progress import Standing
from regression.sequential import EProcess, Sequential, sequentially
from regression.session import Session
from regression.shards import Executor, ShardError, Task
from regression.sources import open_suite
from regression.spending import Spending, spend
from regression.suites import (
    ChoiceItem,
    ClozeItem,
    Decoding,
    GenerateItem,
    PhrasesItem,
    Suite,
    SuiteKind,
    TextItem,
    builtin_suites,
    limited,
    load_suite,
    make_suite,
    write_suite,
)

__all__ = [
    "Answer",
    "ChoiceItem",
    "ClozeItem",
    "Decoding",
    "Drift",
    "EProcess",
    "Executor",
    "Flips",
    "GenerateItem",
    "ItemResult",
    "JudgeError",
    "ModelError",
    "ModelRef",
    "NoiseFloor",
    "OutOfMemory",
    "Paired",
    "PhrasesItem",
    "Plan",
    "Proportion",
    "RegressionError",
    "Sequential",
    "Session",
    "ShardError",
    "Spending",
    "Standing",
    "Suite",
    "SuiteError",
    "SuiteKind",
    "SuitePlan",
    "SuiteResult",
    "Task",
    "TextItem",
    "UnmeasuredError",
    "Wanted",
    "builtin_suites",
    "compare",
    "compare_scores",
    "count_flips",
    "items_needed",
    "joint_plan",
    "limited",
    "load_suite",
    "make_suite",
    "margin_reachable",
    "name_regressions",
    "noise_floor",
    "non_inferiority",
    "open_suite",
    "proportion",
    "regression_p",
    "sequentially",
    "spend",
    "text_kl",
    "topk_kl",
    "write_suite",
]
