"""Which of two answers was probably labelled wrongly: a model that has not seen the pair disagrees with its label.

1. Every pair becomes the difference of the hashed words and word pairs of its answers, counted once each: what only
   the first answer has counts +1, what only the second has −1. Which stands first is decided by digests of the two,
   and the label says which of them is chosen.
2. Logistic regression predicts each pair from the pairs of other prompts (five folds, a prompt in one of them), and
   its scores are calibrated.
3. cleanlab's confident learning says which labels the predictions contradict more than the noise of each class allows,
   and how good each label is, 0 to 1.

A model that predicts little says little: how much is measured, and where it is no better than a coin nothing is said.

Source:
    Northcutt, Jiang and Chuang 2021, "Confident learning: estimating uncertainty in dataset labels"; Platt 1999,
    "Probabilistic outputs for support vector machines".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.origins.word_hashes import Hashes, gram_hashes, word_hashes
from gatekeeper.gates.data.reading.decoding import tokens

if TYPE_CHECKING:
    from scipy import sparse

_BUCKETS = 1 << 17
_READ = 400
"""Words of an answer that are read."""
_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelIssues:
    """What the model and cleanlab say of each label."""

    issues: npt.NDArray[np.bool_]
    """Whether the label is probably wrong."""
    quality: npt.NDArray[np.float64]
    """cleanlab's label quality, 0 to 1."""
    right: int
    """Labels that the model predicts."""


def words_of_answer(text: str) -> Hashes:
    """Return the distinct hashed words and word pairs of a text."""
    hashes = word_hashes(tokens(text)[:_READ])
    return np.unique(np.concatenate((gram_hashes(hashes, 1), gram_hashes(hashes, 2))) % np.uint64(_BUCKETS))


def difference_rows(pairs: Sequence[tuple[Hashes, Hashes]]) -> "sparse.csr_matrix":
    """Return one row a pair: +1 for what only the first has, −1 for what only the second has, scaled to length 1.

    Returns:
        (pairs, 2**17), float64.
    """
    from scipy import sparse

    columns, values, ends = [], [], [0]
    for first, second in pairs:
        mine, theirs = np.setdiff1d(first, second), np.setdiff1d(second, first)
        size = len(mine) + len(theirs)
        scale = 1 / np.sqrt(size) if size else 0.0
        columns.append(np.concatenate((mine, theirs)).astype(np.int64))
        values.append(np.concatenate((np.full(len(mine), scale), np.full(len(theirs), -scale))))
        ends.append(ends[-1] + size)
    joined = np.concatenate(columns) if columns else np.empty(0, dtype=np.int64)
    data = np.concatenate(values) if values else np.empty(0)
    return sparse.csr_matrix((data, joined, ends), shape=(len(pairs), _BUCKETS))


def text_rows(texts: Sequence[Hashes]) -> "sparse.csr_matrix":
    """Return one row a text, as above with nothing to subtract."""
    nothing = np.empty(0, dtype=np.uint64)
    return difference_rows([(text, nothing) for text in texts])


def label_issues(
    features: "sparse.csr_matrix",
    labels: npt.NDArray[np.intp],
    groups: npt.NDArray[np.uint64],
    *,
    intercept: bool,
    seed: int,
) -> LabelIssues | None:
    """Return what is wrong with labels; ``None`` where a class or the groups are too few for five folds.

    Args:
        features: (rows, buckets).
        labels: 0 or 1.
        groups: rows of one group are never predicted from each other.
        intercept: whether one label may be commoner than the other.
        seed: of the order in which the solver looks at rows.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    if min(np.bincount(labels, minlength=2)) < 2 * _FOLDS or len(np.unique(groups)) < 2 * _FOLDS:
        return None
    # A column of one row alone tells nothing about another.
    features = features[:, np.asarray((features != 0).sum(axis=0)).ravel() > 1]
    scores = np.zeros(len(labels))
    folds = StratifiedGroupKFold(n_splits=_FOLDS)
    for seen, unseen in folds.split(features, labels, groups):
        if len(set(labels[seen].tolist())) < 2:
            return None
        # The dual solver: more columns than rows.
        model = LogisticRegression(
            solver="liblinear", dual=True, max_iter=1000, fit_intercept=intercept, random_state=seed
        )
        model.fit(features[seen], labels[seen])
        scores[unseen] = model.decision_function(features[unseen])
    # Few rows make a regularised model too modest: one factor, fitted to the unseen scores, corrects that (Platt).
    scale = LogisticRegression(C=1e6, fit_intercept=intercept).fit(scores[:, None], labels)
    predicted = scale.predict_proba(scores[:, None])
    return LabelIssues(
        issues=np.asarray(find_label_issues(labels=labels, pred_probs=predicted, n_jobs=1), dtype=bool),
        quality=np.asarray(get_label_quality_scores(labels=labels, pred_probs=predicted), dtype=float),
        right=int((predicted.argmax(axis=1) == labels).sum()),
    )
