"""What one model says about every part of the splits, and the other models it is compared with; for text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from jaxtyping import Bool, Float
from torch import Tensor

from lorasteer.errors import DataError
from lorasteer.evaluation.language.answers import Answers

PARTS = ("forget", "retain", "forget_test", "retain_test", "validation")


@dataclass(frozen=True)
class TextOutputs:
    """Answers of one model to a questionnaire.

    Args:
        subject: What is measured: `base`, `retrained`, or a method's name.
        model: Digest of the model: of the base, or of base and change.
        splits: Digest of the splits.
        forget: Training examples to remove.
        retain: Training examples to keep.
        forget_test: Test examples that meet the target: other wordings, or examples never trained on.
        retain_test: The other test examples.
        validation: Examples neither trained on nor tested with.
        sheets: Further sets by name, such as `real_authors`.
        selected: Direction weight of each forget example, 0 ... 1; None without a direction.
        selected_test: The same for forget_test.
        seconds: Time of unlearning alone; None where nothing was unlearned.
        prefix_seconds: Part of it spent on states that were not remembered yet.
        trainable: How many numbers were free to change.

    Raises:
        DataError: Direction weights do not match their examples in number.
    """

    subject: str
    model: str
    splits: str
    forget: Answers
    retain: Answers
    forget_test: Answers
    retain_test: Answers
    validation: Answers
    sheets: Mapping[str, Answers] = field(default_factory=dict)
    selected: Float[Tensor, " forget"] | Bool[Tensor, " forget"] | None = None
    selected_test: Float[Tensor, " forget_test"] | Bool[Tensor, " forget_test"] | None = None
    seconds: float | None = None
    prefix_seconds: float | None = None
    trainable: int | None = None

    def __post_init__(self) -> None:
        for name in ("selected", "selected_test"):
            weights, part = getattr(self, name), "forget_test" if name == "selected_test" else "forget"
            if weights is not None and len(weights) != len(getattr(self, part)):
                raise DataError(
                    f"the direction weighs {len(weights)} examples, {part} holds {len(getattr(self, part))}. "
                    "Give one weight for each of them."
                )

    @cached_property
    def finite(self) -> bool:
        """False when any log-probability is NaN or infinite."""
        return all(answers.finite for answers in self.parts().values())

    def parts(self) -> dict[str, Answers]:
        """The five parts, then the further sheets, by name."""
        return {**{name: getattr(self, name) for name in PARTS}, **self.sheets}


@dataclass(frozen=True)
class TextContext:
    """One model's answers beside those it is compared with.

    Args:
        outputs: The measured model.
        base: The trained model before any unlearning, if it is at hand.
        retrained: Models trained without the forget set, with different seeds; the first is the reference.

    Raises:
        DataError: A model was asked other questions than the measured one.
    """

    outputs: TextOutputs
    base: TextOutputs | None = None
    retrained: tuple[TextOutputs, ...] = ()

    def __post_init__(self) -> None:
        mine = {name: answers.asked for name, answers in self.outputs.parts().items()}
        for other in (*([self.base] if self.base else []), *self.retrained):
            theirs = {name: answers.asked for name, answers in other.parts().items()}
            if self.outputs.splits != other.splits or mine != theirs:
                raise DataError(
                    f"{self.outputs.subject!r} and {other.subject!r} were not asked the same questions "
                    f"(splits {self.outputs.splits[:12]} and {other.splits[:12]}). Put one questionnaire to both."
                )

    @property
    def reference(self) -> TextOutputs:
        """The first retrained model. Only metrics that state the need `retrained` may ask for it."""
        return self.retrained[0]

    @property
    def has(self) -> frozenset[str]:
        """Which needs of metrics are met: of `base`, `retrained`, `direction`."""
        test_half = self.outputs.selected_test is not None and len(self.outputs.forget_test) > 0
        direction = self.outputs.selected is not None or test_half
        met = {"base": self.base is not None, "retrained": bool(self.retrained), "direction": direction}
        return frozenset(need for need, here in met.items() if here)

    def measuring(self, outputs: TextOutputs) -> TextContext:
        """The same comparison with another model in the middle."""
        return replace(self, outputs=outputs)
