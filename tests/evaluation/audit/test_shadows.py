"""Shadow models: random halves, kept blocks, and what must not be mixed up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lorasteer.errors import PlanError
from lorasteer.evaluation.audit import shadow_training
from lorasteer.evaluation.audit.shadows import HEADS_AT_ONCE, Kind, Shadows, ShadowSettings, kind_of, shadow_models
from lorasteer.evaluation.audit.subject import answers
from lorasteer.tasks.base import Base, weights_digest
from lorasteer.tasks.splits import Holdout
from tests.support.noise import SIDE, known_noise, noise_ground

KINDS: list[Kind] = ["head", "part", "full"]


def few(kind: Kind = "full", shadows: int = 4) -> ShadowSettings:
    return ShadowSettings(kind=kind, shadows=shadows, epochs=5)


@pytest.mark.parametrize("kind", KINDS)
def test_each_example_is_in_half_of_them_and_a_network_says_what_was_written_down(kind: Kind) -> None:
    ground = noise_ground(touched=("2",))
    before = weights_digest(ground.base.model)
    shadows = shadow_models(ground, few(kind))
    assert shadows.halves.sum(0).tolist() == [2] * (3 * SIDE)
    assert len({half.numpy().tobytes() for half in shadows.halves}) == 4
    every = np.arange(shadows.pool.candidates)
    for number in range(4):
        said = answers(shadows.network(ground, number), shadows.pool, "train", every)
        assert torch.allclose(said, shadows.logits[number], atol=1e-4)
    assert weights_digest(ground.base.model) == before
    assert f"4 shadow models ({kind}:" in shadows.words


@pytest.mark.parametrize(("kind", "changed"), [("head", {"2.weight", "2.bias"}), ("part", {"2.weight", "2.bias"})])
def test_frozen_parts_stay_frozen(kind: Kind, changed: set[str]) -> None:
    assert set(shadow_models(noise_ground(touched=("2",)), few(kind)).learned[0]) == changed


def test_what_is_learned_by_heart_is_known_by_those_that_saw_it() -> None:
    shadows = shadow_models(noise_ground(), few(shadows=8))
    right = shadows.logits.argmax(-1) == shadows.pool.classes
    assert right[shadows.inside].double().mean() > 0.9
    assert right[~shadows.inside].double().mean() < 0.5  # three classes by lot


def test_clean_ones_saw_no_candidate() -> None:
    shadows = shadow_models(noise_ground(), few(), clean=True)
    assert not shadows.inside.any()
    assert shadows.halves.any()


def equal(one: Shadows, other: Shadows) -> bool:
    return torch.equal(one.logits, other.logits) and torch.equal(one.halves, other.halves)


@pytest.mark.parametrize("kind", KINDS)
def test_kept_ones_are_read_again(kind: Kind, tmp_path: Path) -> None:
    made = [shadow_models(noise_ground(cache=tmp_path, touched=("2",)), few(kind)) for _ in range(2)]
    assert [shadows.trained for shadows in made] == [4, 0]
    assert equal(*made)


def test_killed_in_the_middle_it_goes_on_where_it_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shadow_models(noise_ground(), few())
    usual, calls = shadow_training.Networks.__call__, []

    def killed(self: shadow_training.Networks, block: range) -> list[dict[str, Tensor]]:
        calls.append(block)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return usual(self, block)

    with monkeypatch.context() as patch:
        patch.setattr(shadow_training.Networks, "__call__", killed)
        with pytest.raises(KeyboardInterrupt):
            shadow_models(noise_ground(cache=tmp_path), few())
    rest = shadow_models(noise_ground(cache=tmp_path), few())
    assert rest.trained == 2
    assert equal(rest, whole)


def test_head_blocks_are_kept_one_by_one(tmp_path: Path) -> None:
    count = 2 * HEADS_AT_ONCE
    whole = shadow_models(noise_ground(cache=tmp_path), few("head", count))
    sorted(tmp_path.rglob("*.safetensors"))[1].unlink()
    rest = shadow_models(noise_ground(cache=tmp_path), few("head", count))
    assert (whole.trained, rest.trained) == (count, HEADS_AT_ONCE)
    assert equal(rest, whole)


def test_those_of_other_data_or_settings_are_not_taken(tmp_path: Path) -> None:
    """Each of these differs in what the shadow models depend on; even a file put in the other's place is not read."""
    first = shadow_models(noise_ground(cache=tmp_path), few("head"))
    (folder,) = (tmp_path / "shadows").iterdir()
    others = [
        (noise_ground(1, cache=tmp_path), few("head")),
        (noise_ground(cache=tmp_path, seed=1), few("head")),
        (noise_ground(cache=tmp_path, splits=replace(noise_ground().splits, forget=np.arange(1, SIDE))), few("head")),
        (noise_ground(cache=tmp_path), few("head", 6)),
    ]
    for ground, settings in others:
        assert shadow_models(ground, settings).trained == settings.shadows
    strange = noise_ground(1, cache=tmp_path / "moved")
    wanted = shadow_models(strange, few("head"))
    (place,) = (tmp_path / "moved" / "shadows").iterdir()
    for file in folder.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    again = shadow_models(noise_ground(1, cache=tmp_path / "moved"), few("head"))
    assert again.trained == 4
    assert equal(again, wanted)
    assert not torch.equal(again.logits, first.logits)


def test_a_damaged_block_is_trained_anew(tmp_path: Path) -> None:
    whole = shadow_models(noise_ground(cache=tmp_path), few())
    file = sorted(tmp_path.rglob("*.safetensors"))[0]
    file.write_bytes(file.read_bytes()[:100])
    again = shadow_models(noise_ground(cache=tmp_path), few())
    assert again.trained == 1
    assert equal(again, whole)


def test_all_of_a_small_model_is_trained_where_time_allows() -> None:
    ground = noise_ground()
    assert kind_of(ground, ShadowSettings()) == "full"
    assert kind_of(noise_ground(), ShadowSettings(seconds=0)) == "head"
    elsewhere = replace(ground, base=Base(ground.base.record.model_copy(update={"fit": None}), ground.base.model), _made={})
    assert kind_of(elsewhere, ShadowSettings()) == "head"  # no recipe to follow


def test_a_module_that_cannot_be_made_anew_is_refused_by_name() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.scale = known_noise().copy(), nn.Parameter(torch.ones(1))

        def forward(self, pixels: Tensor) -> Tensor:
            return self.inner(pixels) * self.scale

    ground = noise_ground(base=Base(known_noise().record, Scaled()))
    assert kind_of(ground, ShadowSettings()) == "head"
    with pytest.raises(PlanError, match="module '' cannot be made anew"):
        shadow_models(ground, few("full"))


def test_without_unseen_examples_there_is_nothing_to_compare_with() -> None:
    nobody = np.empty(0, np.int64)
    splits = replace(noise_ground().splits, forget_test=nobody, validation=Holdout("train", nobody))
    with pytest.raises(PlanError, match="forget examples and unseen ones of the same classes; one side is empty"):
        shadow_models(noise_ground(splits=splits), few())
