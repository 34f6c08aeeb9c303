"""Membership inference: can an attacker tell from the model's confidence which examples it was trained on?

Two attacks. The *paper's* learns to tell retained from test examples and then judges the forget set; it is kept for
comparison with published tables. It mixes classes, so its verdict on a forgotten class follows from the low accuracy on that
class. The *balanced* one compares the forget set with unseen examples of the same class: 0.5 means that nothing gives the
forget set away. Both directions away from 0.5 are a leak: above, the model still knows the examples; below, it is
conspicuously unsure of them (over-forgetting).

All fits are deterministic and do not depend on the order of the examples: examples are put in order of their score before a
fixed shuffle divides them.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lorasteer.core.statistics import label_log_odds, logistic_regression, rank_auc
from lorasteer.evaluation.metric import METRICS, Reading
from lorasteer.evaluation.outputs import Context, Outputs, Predictions

Scores = Float[Tensor, " n"]
FOLDS = 5


@METRICS.add("mia-auc", unit="auc", better="near-ideal", ideal=0.5, group="privacy", low=0.0, high=1.0, order=20)
def mia_auc(context: Context) -> Reading:
    """Probability that a forget example has more confidence than an unseen one of its class; below 0.5 is a leak too.

    Rank statistic of log p - log(1 - p) of the true class, equal to that of the negated loss, taken within each class and
    averaged by the number of forget examples. Unseen are the examples of forget_test, or where there are none those of
    validation and retain_test. Classes without unseen examples are left out. `n` counts the smaller side.
    """
    forget, unseen, problem = _matched(context.outputs)
    if problem:
        return Reading(None, len(forget), problem)
    score_in, score_out = _log_odds(forget), _log_odds(unseen)
    total = 0.0
    for label in sorted(set(forget.labels.tolist())):
        mine = forget.labels == label
        total += int(mine.sum()) * rank_auc(score_in[mine], score_out[unseen.labels == label])
    return Reading(total / len(forget), min(len(forget), len(unseen)), _compared(forget, unseen))


@METRICS.add("mia-efficacy", unit="share", better="near-ideal", ideal=0.5, group="privacy", low=0.0, high=1.0, order=21)
def mia_efficacy(context: Context) -> Reading:
    """Share of forget examples that a balanced attack calls non-members; 0.5 when it can only guess, 0 when it knows all.

    Logistic regression on the standardised log p - log(1 - p) of the true class, trained to tell forget from unseen examples,
    each unseen example weighted so that every class counts as much as in the forget set. Each example is judged by a fit
    that has not seen it (5 folds). Over-forgetting is found out as well as memory, so both lead below 0.5.
    """
    forget, unseen, problem = _matched(context.outputs)
    folds = min(FOLDS, len(forget), len(unseen))
    if problem or folds < 2:
        return Reading(None, len(forget), problem or "cross-validation needs two forget and two unseen examples")
    pooled = torch.cat([_log_odds(forget), _log_odds(unseen)])
    pooled = (pooled - pooled.mean()) / pooled.std().clamp(min=1e-12)
    member = torch.arange(len(pooled)) < len(forget)
    weights = torch.cat([torch.ones(len(forget)), _balance(unseen.labels, forget.labels)]).double()
    fold_in, fold_out = _deal(pooled[member], folds), _deal(pooled[~member], folds)
    fold = torch.cat([fold_in, fold_out])
    missed = 0.0
    for k in range(folds):
        rest = fold != k
        fit = logistic_regression(pooled[rest], member[rest], weights[rest])
        missed += _called_unseen(pooled[member & ~rest], fit)
    return Reading(missed / len(forget), len(forget), _compared(forget, unseen))


@METRICS.add("mia-efficacy-paper", unit="share", better="near-retrained", group="privacy", low=0.0, high=1.0, order=22)
def mia_efficacy_paper(context: Context) -> Reading:
    """Share of forget examples that the paper's attack calls non-members; to equal the retrained model's, not to be 1.

    Logistic regression on the probability of the true class, trained to tell the retain sample (members) from all test
    examples (non-members), both sides weighted to count the same, then applied to the forget set.
    """
    forget, retain, test, problem = _paper_sides(context.outputs)
    if not len(forget):
        problem = "no examples in forget"
    if problem:
        return Reading(None, len(forget), problem)
    missed = _called_unseen(forget, _fit_balanced(retain, test))
    return Reading(missed / len(forget), len(forget), _trained_on(retain, test))


@METRICS.add("mia-auc-paper", unit="auc", better="near-retrained", ideal=0.5, group="privacy", low=0.0, high=1.0, order=23)
def mia_auc_paper(context: Context) -> Reading:
    """How well the paper's attack tells retained from test examples it was not trained on.

    The retain sample and the test examples are cut in halves; the attack is trained on one half of each and ranks the other
    halves, then the other way round; the mean of the two areas. It says nothing about the forget set.
    """
    _, retain, test, problem = _paper_sides(context.outputs)
    if problem:
        return Reading(None, len(retain) + len(test), problem)
    half_in, half_out = _deal(retain, 2), _deal(test, 2)
    areas = []
    for k in (0, 1):
        slope, _ = _fit_balanced(retain[half_in == k], test[half_out == k])
        areas.append(rank_auc(slope * retain[half_in != k], slope * test[half_out != k]))
    return Reading(sum(areas) / 2, len(retain) + len(test), _trained_on(retain, test))


def _log_odds(said: Predictions) -> Scores:
    return label_log_odds(said.logits, said.labels)


def _matched(outputs: Outputs) -> tuple[Predictions, Predictions, str]:
    """Forget and unseen examples of the classes both hold, and why they cannot be compared if so."""
    forget = outputs.forget
    unseen = outputs.forget_test if len(outputs.forget_test) else outputs.validation.joined(outputs.retain_test)
    if not len(forget):
        return forget, unseen, "no examples in forget"
    both = forget.taken(torch.isin(forget.labels, unseen.labels)), unseen.taken(torch.isin(unseen.labels, forget.labels))
    return *both, "" if len(both[1]) else "no unseen example of the forgotten classes"


def _compared(forget: Predictions, unseen: Predictions) -> str:
    return f"{len(forget)} forget against {len(unseen)} unseen examples of the same classes"


def _balance(labels: Int[Tensor, " n"], like: Int[Tensor, " m"]) -> Float[Tensor, " n"]:
    """Weights that give every class of `labels` the total it has in `like`."""
    classes = int(torch.cat([labels, like]).max()) + 1
    have, want = labels.bincount(minlength=classes), like.bincount(minlength=classes)
    return (want / have.clamp(min=1))[labels]


def _paper_sides(outputs: Outputs) -> tuple[Scores, Scores, Scores, str]:
    """Confidences on forget, retain and test, and why the attack cannot be trained if so."""
    forget, retain, test = (said.of_label for said in (outputs.forget, outputs.retain, outputs.test))
    short = [name for name, side in (("retain", retain), ("test", test)) if len(side) < 2]
    return forget, retain, test, f"the attack needs two examples in {' and '.join(short)}" if short else ""


def _fit_balanced(member: Scores, other: Scores) -> tuple[float, float]:
    """Logistic regression that tells members from others, each side with half of the total weight."""
    n = len(member) + len(other)
    weights = torch.cat([torch.full_like(side, n / (2 * len(side))) for side in (member, other)])
    return logistic_regression(torch.cat([member, other]), torch.arange(n) < len(member), weights)


def _called_unseen(scores: Scores, fit: tuple[float, float]) -> float:
    """How many scores the attack calls non-members; one at even odds counts one half, as a guess would."""
    odds = fit[0] * scores + fit[1]
    even = odds.abs() < 1e-9
    return float(((odds < 0) & ~even).sum() + even.sum() / 2)


def _deal(scores: Scores, hands: int) -> Int[Tensor, " n"]:
    """A number 0 … hands - 1 for each example, evenly and by chance, the same for any order of the examples."""
    shuffled = torch.randperm(len(scores), generator=torch.Generator().manual_seed(0))
    dealt = torch.empty(len(scores), dtype=torch.int64)
    dealt[scores.argsort()] = shuffled % hands
    return dealt


def _trained_on(retain: Scores, test: Scores) -> str:
    return f"attack trained on {len(retain)} retained and {len(test)} test examples"
