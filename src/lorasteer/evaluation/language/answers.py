"""What one model says about one sheet of questions: all that text metrics start from, on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lorasteer.core import text_statistics as text
from lorasteer.errors import DataError


@dataclass(frozen=True)
class Answers:
    """Log-probabilities of right answers token by token, of other candidates in the mean, and what the model wrote itself.

    Args:
        asked: Digest of the sheet.
        lengths: Tokens of each right answer, its end of sequence included.
        log_prob: Log-probability of each of these tokens, example after example.
        mean: Expectation of log p over the vocabulary at each of them.
        std: Standard deviation of log p over the vocabulary.
        right: Whether the token is the most probable word.
        compressed: Bytes of each right answer's text after zlib.
        paraphrased: Whether the right answer was scored in other words too.
        paraphrase: Mean log-probability per token of these other wordings, one for each true entry above.
        counts: Wrong answers of each example.
        wrong: Mean log-probability per token of every wrong answer.
        rouge: ROUGE-L recall of the model's own greedy answer against the right one; None where it wrote none.
        written: These answers.

    Raises:
        DataError: The lengths of the columns contradict each other.
    """

    asked: str
    lengths: Int[Tensor, " rows"]
    log_prob: Float[Tensor, " n"]
    mean: Float[Tensor, " n"]
    std: Float[Tensor, " n"]
    right: Bool[Tensor, " n"]
    compressed: Int[Tensor, " rows"]
    paraphrased: Bool[Tensor, " rows"]
    paraphrase: Float[Tensor, " paraphrased"]
    counts: Int[Tensor, " rows"]
    wrong: Float[Tensor, " m"]
    rouge: Float[Tensor, " rows"] | None = None
    written: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        rows, tokens = len(self.lengths), int(self.lengths.sum())
        wanted = dict.fromkeys(("compressed", "paraphrased", "counts"), rows)
        wanted |= dict.fromkeys(("log_prob", "mean", "std", "right"), tokens)
        wanted |= {name: rows for name in ("rouge", "written") if getattr(self, name) is not None}
        wanted |= {"paraphrase": int(self.paraphrased.sum()), "wrong": int(self.counts.sum())}
        for name, count in wanted.items():
            if (given := len(getattr(self, name))) != count:
                raise DataError(f"{name!r} holds {given} entries, the answers need {count}. Give one for each.")

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def finite(self) -> bool:
        """False when a log-probability is NaN or infinite: then nothing can be measured."""
        return all(bool(torch.isfinite(part).all()) for part in (self.log_prob, self.paraphrase, self.wrong))

    @cached_property
    def mean_log_prob(self) -> Float[Tensor, " rows"]:
        """Mean log-probability per token of the right answer, float64; its negative is the loss."""
        return text.mean_per_example(self.log_prob, self.lengths)

    @cached_property
    def probability(self) -> Float[Tensor, " rows"]:
        """Length-normalised probability of the right answer: the geometric mean of its tokens'."""
        return self.mean_log_prob.exp()

    @cached_property
    def judged(self) -> Bool[Tensor, " rows"]:
        """Whether an example has wrong answers to compare with."""
        return self.counts > 0

    @cached_property
    def right_log_prob(self) -> Float[Tensor, " judged"]:
        """Mean log-probability of the right answer of judged examples, in other words where there are any (as in TOFU)."""
        found = self.mean_log_prob.clone()
        found[self.paraphrased] = self.paraphrase.double()
        return found[self.judged]

    def truth_ratio(self, space: str) -> Float[Tensor, " judged"]:
        """P(wrong) / P(right) of judged examples.

        Args:
            space: `loss` or `probability`: where the wrong answers are averaged.
        """
        return _TRUTH_RATIOS[space](self.right_log_prob, self.wrong, self.counts[self.judged])

    @cached_property
    def probability_among(self) -> Float[Tensor, " judged"]:
        """Probability of the right answer of judged examples among all their candidates."""
        return text.probability_among(self.mean_log_prob[self.judged], self.wrong, self.counts[self.judged])


_TRUTH_RATIOS: Mapping[str, text.TruthRatio] = {"loss": text.truth_ratio_loss, "probability": text.truth_ratio_probability}
