"""The logit lens."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lorasteer.evaluation.audit import Subject
from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.audit.language.lens import hit_share, read
from lorasteer.tasks.language.model import text_inputs_for
from lorasteer.tasks.splits import Holdout, make_splits
from tests.tasks.language import build


def place(family: str) -> TextGround:
    """Where a model that learned nothing is attacked: four examples to forget, four held out."""
    base, data = build.base(family), build.data()
    index = np.arange(len(data.train))
    held = Holdout("train", index[-4:])
    splits = make_splits(index < 4, np.zeros(len(data.test), bool), held, data=data.digest, wording="the first four")
    return TextGround(base, text_inputs_for(base, data), splits)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_behind_the_last_block_the_lens_shows_what_the_model_says(family: str) -> None:
    ground = place(family)
    index = np.arange(5)
    seen, row = read(ground, ground.original, "train", index)
    lengths = ground.inputs.answer_lengths("train")[index]
    order = np.argsort(ground.inputs.lengths("train")[index], kind="stable")
    said = ground.answers(ground.original, ground.sheet("train", index[order]))
    assert row.tolist() == np.repeat(np.arange(5), lengths[order]).tolist()
    assert torch.allclose(seen[-1].log_prob.float(), said.log_prob.float(), atol=1e-5)
    assert torch.equal(seen[-1].rank == 0, said.right)
    assert not torch.allclose(seen[0].log_prob, seen[-1].log_prob, atol=1e-2)


def test_hits_worked_by_hand() -> None:
    """Three tokens of one answer, two of another; two blocks. Among the first two words: tokens 0 and 2, and token 3."""
    first, last = torch.tensor([1, 2, 5, 9, 9]), torch.tensor([7, 4, 0, 1, 2])
    assert hit_share([first, last], torch.tensor([0, 0, 0, 1, 1]), 2) == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_every_model_is_read_through_its_own_head() -> None:
    ground = place("llama")
    other = Subject.of_network("other", build.FAMILIES["llama"]())
    with torch.no_grad():
        other.network.get_parameter("lm_head.weight").mul_(0.0)
    seen, _ = read(ground, other, "train", np.arange(2))
    assert torch.allclose(seen[0].log_prob, torch.full_like(seen[0].log_prob, -np.log(build.WORDS)), atol=1e-5)
