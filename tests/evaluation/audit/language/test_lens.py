"""The logit lens."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lorasteer.evaluation.audit import Subject, run_attack
from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.audit.language.lens import hit_share, read
from lorasteer.tasks.language.model import text_inputs_for
from lorasteer.tasks.splits import Holdout, make_splits
from tests.support import audited_text as crowd
from tests.support.proofs import proves
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


@proves("hand", "logit-lens")
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


@proves("invariance", "logit-lens")
def test_it_gives_the_same_again_and_leaves_the_models_alone() -> None:
    before = crowd.base().digest
    first, again = (run_attack("logit-lens", crowd.ground(), crowd.suppressed()) for _ in range(2))
    assert first.measurements == again.measurements
    assert crowd.base().digest == before


@proves("power", "logit-lens")
def test_what_only_the_last_block_denies_is_read_before_it() -> None:
    """Power: the model's own answers are less likely than a retrained model's, and the lens brings them back."""
    place = crowd.ground()
    said = {who.name: run_attack("logit-lens", place, who) for who in (place.original, crowd.suppressed(), *place.retrained)}
    hits = {name: crowd.value(result, "lens_hits") for name, result in said.items()}
    fair = max(hits[who.name] for who in place.retrained)
    assert hits["base"] > fair + 0.1
    assert hits["suppressed"] > fair


@proves("null", "logit-lens", draws=50)
def test_models_that_never_read_of_a_person_are_not_taken_for_the_base() -> None:
    """Null: of fifty, how many lie nearer to the base than to others that did not read either."""
    assert len(crowd.draws()) == 50
    assert crowd.false_alarms("logit-lens", "lens_hits")["lens_hits"] <= 0.1
