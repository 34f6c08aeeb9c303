"""The ground of attacks on language models: examples with a prompt and an answer, asked as sheets of questions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import nn

from lorasteer.evaluation.audit.subject import CommonGround, Subject
from lorasteer.evaluation.language.answers import Answers
from lorasteer.evaluation.language.asking import Sheet, sheet_of
from lorasteer.evaluation.language.collect import answer
from lorasteer.tasks.language.data import TextExamples
from lorasteer.tasks.language.inputs import TextInputs
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.splits import Index, Part

_TIMED = 32  # examples of the pass that costs are estimated from


@dataclass(frozen=True)
class TextGround(CommonGround):
    """The ground of language models. Its fields are those of `CommonGround`."""

    task = "language"
    inputs: TextInputs

    @property
    def layers(self) -> tuple[str, ...]:
        """Modules the audited change alters; all linear layers of the blocks where none does."""
        return self.touched or Network.of(self.base.model).linear_layers()

    def examples(self, part: Part, index: Index) -> TextExamples:
        """Prompts and answers of some examples."""
        return self.inputs.examples(part).taken(index)

    def sheet(self, part: Part, index: Index, *, candidates: bool = False, write: bool = False) -> Sheet:
        """Some examples as questions; made once for the same ones."""
        key = ("sheet", part, np.ascontiguousarray(index, np.int64).tobytes(), candidates, write)
        return self.remember(key, lambda: sheet_of(self.inputs, self.examples(part, index), candidates=candidates, write=write))

    def answers(self, subject: Subject, sheet: Sheet) -> Answers:
        """What a subject's own network says to a sheet; asked once for the same sheet."""
        return self.remember(("answers", subject.digest, sheet.digest), lambda: self.asked(subject.network, sheet))

    def asked(self, network: nn.Module, sheet: Sheet) -> Answers:
        """What any network says to a sheet; nothing is remembered of it."""
        return answer(Network.of(network), self.inputs, {"asked": sheet})["asked"]

    @cached_property
    def forward_seconds(self) -> float:
        """Measured time of scoring one example by the base, without gradients; estimates of cost are multiples of it."""
        index = np.arange(min(_TIMED, self.inputs.size("train")))
        sheet = self.sheet("train", index)
        started = time.perf_counter()
        self.asked(self.base.model, sheet)
        return (time.perf_counter() - started) / len(index)
