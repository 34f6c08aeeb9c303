"""What a model says about the splits, and the other models it is compared with. All measuring starts from these tensors."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lorasteer.core.statistics import label_confidence
from lorasteer.errors import DataError


@dataclass(frozen=True)
class Predictions:
    """Logits of one model on some labelled examples; none at all is allowed.

    Args:
        logits: Unnormalised scores.
        labels: True class of each example.

    Raises:
        DataError: Logits and labels differ in length, or a label is outside the classes.

    Example:
        >>> said = Predictions(torch.tensor([[2.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]))
        >>> len(said), said.correct.tolist()
        (2, [True, False])
    """

    logits: Float[Tensor, "n classes"]
    labels: Int[Tensor, " n"]

    def __post_init__(self) -> None:
        if self.logits.ndim != 2 or self.labels.shape != self.logits.shape[:1]:
            raise DataError(
                f"logits of shape {tuple(self.logits.shape)} do not go with labels of shape {tuple(self.labels.shape)}; "
                "allowed is [n, classes] with [n]. Give one label for each row of logits."
            )
        if len(self) and (int(self.labels.min()) < 0 or int(self.labels.max()) >= self.classes):
            raise DataError(
                f"labels run from {int(self.labels.min())} to {int(self.labels.max())}; the model knows the classes "
                f"0 … {self.classes - 1}. Use the class numbers of the data the model was trained on."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> int:
        """How many classes the model knows."""
        return self.logits.shape[1]

    @cached_property
    def correct(self) -> Bool[Tensor, " n"]:
        """Whether the largest logit is the true class."""
        return self.logits.argmax(-1) == self.labels

    @cached_property
    def probabilities(self) -> Float[Tensor, "n classes"]:
        """Softmax of the logits, float64; several metrics start from it."""
        return self.logits.double().softmax(-1)

    @cached_property
    def of_label(self) -> Float[Tensor, " n"]:
        """Probability of the true class, float64."""
        return label_confidence(self.logits, self.labels)

    @cached_property
    def finite(self) -> bool:
        """False when a logit is NaN or infinite: then nothing can be measured."""
        return bool(torch.isfinite(self.logits).all())

    def taken(self, chosen: Bool[Tensor, " n"]) -> Predictions:
        """The chosen examples alone."""
        return Predictions(self.logits[chosen], self.labels[chosen])

    def joined(self, other: Predictions) -> Predictions:
        """These examples followed by the other ones."""
        if not len(self) or not len(other):  # an empty part need not know how many classes there are
            return self if len(self) else other
        return Predictions(torch.cat([self.logits, other.logits]), torch.cat([self.labels, other.labels]))


@dataclass(frozen=True)
class Outputs:
    """What one model says about every part of the splits.

    Args:
        subject: What is measured: `base`, `retrained`, or a method's name.
        model: Digest of the model: of the base, or of base and change.
        splits: Digest of the splits.
        forget: Training examples to remove.
        retain: A sample of the training examples to keep; the same one for every model that is compared.
        forget_test: Test examples that meet the target; none where the target names examples.
        retain_test: The other test examples.
        validation: Examples neither trained on nor tested with.
        selected: Direction weight of each forget example, 0 … 1; None without a direction.
        selected_test: The same for forget_test.
        seconds: Time of unlearning alone; None where nothing was unlearned.
        prefix_seconds: Part of it spent on activations that were not remembered yet.
        trainable: How many numbers were free to change.

    Raises:
        DataError: Direction weights do not match their examples in number, or parts differ in their number of classes.
    """

    subject: str
    model: str
    splits: str
    forget: Predictions
    retain: Predictions
    forget_test: Predictions
    retain_test: Predictions
    validation: Predictions
    selected: Float[Tensor, " forget"] | Bool[Tensor, " forget"] | None = None
    selected_test: Float[Tensor, " forget_test"] | Bool[Tensor, " forget_test"] | None = None
    seconds: float | None = None
    prefix_seconds: float | None = None
    trainable: int | None = None

    def __post_init__(self) -> None:
        classes = {name: part.classes for name, part in self.parts().items() if len(part)}
        if len(set(classes.values())) > 1:
            raise DataError(
                f"one model gives every part the same number of classes, got {classes}. Compute all parts with one model."
            )
        for name, weights, part in (
            ("forget", self.selected, self.forget),
            ("forget_test", self.selected_test, self.forget_test),
        ):
            if weights is not None and len(weights) != len(part):
                raise DataError(
                    f"the direction weighs {len(weights)} examples, {name} holds {len(part)}. Give one weight for each of them."
                )

    @cached_property
    def test(self) -> Predictions:
        """All test examples: forget_test, then retain_test."""
        return self.forget_test.joined(self.retain_test)

    @cached_property
    def finite(self) -> bool:
        """False when any logit is NaN or infinite."""
        return all(part.finite for part in self.parts().values())

    def parts(self) -> dict[str, Predictions]:
        """The five parts by name."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Predictions)}


@dataclass(frozen=True)
class Context:
    """One model's outputs beside those it is compared with.

    Args:
        outputs: The measured model.
        base: The trained model before any unlearning, if it is at hand.
        retrained: Models trained without the forget set, with different seeds; the first is the reference.

    Raises:
        DataError: A model answered other examples than the measured one, or knows other classes.
    """

    outputs: Outputs
    base: Outputs | None = None
    retrained: tuple[Outputs, ...] = ()

    def __post_init__(self) -> None:
        for other in (*([self.base] if self.base else []), *self.retrained):
            _same_examples(self.outputs, other)

    @property
    def reference(self) -> Outputs:
        """The first retrained model. Only metrics that state the need `retrained` may ask for it."""
        return self.retrained[0]

    @property
    def has(self) -> frozenset[str]:
        """Which needs of metrics are met: of `base`, `retrained`, `direction`."""
        test_half = self.outputs.selected_test is not None and len(self.outputs.forget_test) > 0
        direction = self.outputs.selected is not None or test_half
        met = {"base": self.base is not None, "retrained": bool(self.retrained), "direction": direction}
        return frozenset(need for need, here in met.items() if here)

    def measuring(self, outputs: Outputs) -> Context:
        """The same comparison with another model in the middle."""
        return replace(self, outputs=outputs)


def _same_examples(one: Outputs, other: Outputs) -> None:
    pairs = list(zip(one.parts().values(), other.parts().values(), strict=True))
    if one.splits != other.splits or not all(torch.equal(mine.labels, theirs.labels) for mine, theirs in pairs):
        raise DataError(
            f"{one.subject!r} and {other.subject!r} were not asked about the same examples "
            f"(splits {one.splits[:12]} and {other.splits[:12]}). Compute both outputs on the same splits and retain sample."
        )
    if any(len(mine) and mine.classes != theirs.classes for mine, theirs in pairs):
        raise DataError(
            f"{one.subject!r} and {other.subject!r} do not know the same number of classes. Compare models of one data set."
        )
