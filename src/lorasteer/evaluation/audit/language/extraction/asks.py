"""A prompt as a family writes it, before it becomes tokens."""

from __future__ import annotations

from typing import NamedTuple


class Ask(NamedTuple):
    """What is put to a model.

    Args:
        prompt: What is asked, in the place of the question.
        shots: Questions with their answers that come before it.
        start: Beginning of the answer that is given.
        answer: What is looked for, where it is not the fact's answer.
        told: The words of that which count, where they are not the fact's.
        rivals: Words of each other answer that the prompt shows; a text that gives one of them as well has chosen nothing.
    """

    prompt: str
    shots: tuple[tuple[str, str], ...] = ()
    start: str = ""
    answer: str = ""
    told: tuple[str, ...] = ()
    rivals: tuple[tuple[str, ...], ...] = ()

    @property
    def shown(self) -> str:
        """All that the model reads."""
        return " ".join(filter(None, [*(text for shot in self.shots for text in shot), self.prompt, self.start]))
