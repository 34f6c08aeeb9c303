"""What the bench keeps: retrained models in its cache, and one digest for each measured model."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorasteer.records import Direction
from lorasteer.session import Workbench, retrain_seeds
from tests.support.digits import bench, digits, forgotten, request, small_base


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return Workbench(small_base(), digits(), tmp_path_factory.mktemp("cache"))


def test_a_retrained_model_is_trained_once_and_kept(cached: Workbench) -> None:
    splits = cached.translate(request()).splits
    assert cached.retrained_kept(splits, seed=1000) is None
    trained = cached.retrain(splits, seed=1000)
    kept = cached.retrained_kept(splits, seed=1000)
    assert kept is not None
    assert kept.digest == trained.digest != small_base().digest
    assert kept.record.left_out == splits.digest
    assert cached.retrained_kept(splits, seed=1001) is None
    assert not list(Path(cached.cache or "").rglob("checkpoint.safetensors"))


def test_without_a_cache_nothing_is_kept() -> None:
    assert bench().retrained_kept(bench().translate(request()).splits, seed=1000) is None


def test_the_base_is_looked_at_without_a_change(cached: Workbench) -> None:
    translation = cached.translate(request())
    model = cached.retrain(translation.splits, seed=1000)
    base, retrained = cached.look(translation, retrained=[model])
    done = cached.measure(request(), translation, forgotten().change, retrained=[model])
    assert (base, retrained) == done.evaluations[:-1]
    assert base.subject == "base"
    assert retrained.value("forget_accuracy") == 0


def test_each_strength_is_a_model_of_its_own() -> None:
    translation = bench().translate(request())
    change = forgotten().change
    digests = {bench().outputs(change.at(strength), translation).model for strength in (0.5, 1.0)}
    assert len(digests) == 2
    assert bench().outputs(change, translation, strength=0.5).model == bench().outputs(change.at(0.5), translation).model


def test_seeds_of_retrained_models_are_not_the_bases() -> None:
    assert retrain_seeds(0, 3) == (1000, 1001, 1002)
    assert retrain_seeds(1, 1) == (1010,)


def test_each_direction_looks_at_the_base_with_its_own_weights() -> None:
    """Two directions in the same class: what the base says is remembered once, how it is weighed is not."""
    ids = [str(name) for name in digits().train.ids[digits().train.labels == 7]]
    asked = [
        Direction(positive=tuple(ids[:5]), negative=tuple(ids[5:10])),
        Direction(positive=tuple(ids[5:10]), negative=tuple(ids[:5])),
    ]
    known = bench()
    one, other = (known.translate(request(direction=direction)) for direction in asked)
    assert one.splits.digest == other.splits.digest
    known.look(one)
    (again,), (fresh,) = known.look(other), Workbench(small_base(), digits()).look(other)
    assert again == fresh
    assert again.value("direction_accuracy") is not None
