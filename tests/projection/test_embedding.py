"""A map follows its features, keeps its place, goes back to the bit, and says when it has caught up."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from lorasteer.errors import DataError, PlanError
from lorasteer.projection.embedding import PATIENCE, SLICE, Embedding
from lorasteer.projection.frame import GAP, Frame
from lorasteer.projection.layout import PROJECTIONS
from lorasteer.projection.tsne import FIRST, REFRESH

if TYPE_CHECKING:
    from tests.projection.conftest import Clouds


def at_rest(embedding: Embedding, most: int = 400) -> Embedding:
    """The map when it no longer moves."""
    for _ in range(most):
        if embedding.status != "settling":
            return embedding
        embedding = embedding.step()
    raise AssertionError(f"still settling after {most} slices: {embedding.frame().words}")


def begun(clouds: Clouds, dissolved: float = 0.0, method: str = "tsne") -> Embedding:
    return Embedding.begin(clouds.features(dissolved), clouds.labels, clouds.target, method=method)


def gap(frame: Frame) -> float:
    """How far the map is from the features, by purity of all points or of the target."""
    values = (frame.purity_map, frame.purity_features, frame.target_purity_map, frame.target_purity_features)
    on_map, said, target_on_map, target_said = (float(value) for value in values if value is not None)
    return max(abs(on_map - said), abs(target_on_map - target_said))


@pytest.fixture(scope="module")
def settled(few: Clouds) -> Embedding:
    """A first map of few points, at rest."""
    return at_rest(begun(few))


@pytest.fixture(scope="module")
def large(clouds: Clouds) -> Embedding:
    """A first map of two thousand points, at rest."""
    return at_rest(begun(clouds))


def test_the_first_picture_is_there_at_once_along_the_principal_axes(few: Clouds) -> None:
    first = begun(few)
    frame = first.frame()
    axes = first.seen.picture
    assert (frame.iteration, frame.kl, frame.status) == (0, None, "settling")
    assert np.corrcoef(frame.positions[:, 0], axes[:, 0])[0, 1] > 0.99
    assert np.sqrt((frame.positions**2).sum(1).mean()) == pytest.approx(np.sqrt(0.5), rel=1e-3)


def test_a_first_map_takes_its_whole_schedule(settled: Embedding) -> None:
    assert settled.status == "settled"
    assert settled.iteration >= FIRST
    assert gap(settled.frame()) <= GAP


def test_same_features_same_map(few: Clouds) -> None:
    one, other = (at_rest(begun(few)).moved(few.features(0.3)).step() for _ in range(2))
    np.testing.assert_array_equal(one.picture.positions, other.picture.positions)
    assert one.frame().kl == other.frame().kl


def test_a_step_leaves_the_map_before_it_whole(few: Clouds) -> None:
    first = begun(few).step()  # exaggerated
    places, matrix = first.layout.positions.copy(), first.layout.embedding.affinities.P.copy()  # type: ignore[attr-defined]
    ahead = first.step().step(300)
    np.testing.assert_array_equal(first.layout.positions, places)
    assert (matrix != first.layout.embedding.affinities.P).nnz == 0  # type: ignore[attr-defined]
    np.testing.assert_array_equal(first.step().step(300).picture.positions, ahead.picture.positions)


def test_moved_points_start_where_they_were(settled: Embedding, few: Clouds) -> None:
    moved = settled.moved(few.features(0.5))
    assert moved.picture is settled.picture
    assert moved.status == "settling"
    target = moved.frame().target_purity_features
    assert target is not None
    assert target < 0.95
    for _ in range(REFRESH // SLICE - 1):
        moved = moved.step()
        assert moved.status == "settling"


def test_retained_points_hardly_move_between_refreshes(large: Embedding, clouds: Clouds) -> None:
    embedding, jumps = large, []
    for dissolved in (0.1, 0.2, 0.3):
        before = embedding.picture.positions
        embedding = embedding.moved(clouds.features(dissolved)).step(REFRESH)
        jumps.append(np.linalg.norm(embedding.picture.positions - before, axis=1)[~clouds.target].mean())
    assert max(jumps) < 0.02  # of the radius, which is 1


def test_a_refresh_of_two_thousand_points_is_quick_enough_for_five_frames_a_second(large: Embedding, clouds: Clouds) -> None:
    started = time.process_time()  # of the processor, so that a busy machine does not count
    embedding, frames = large.moved(clouds.features(0.2)), 0
    for _ in range(REFRESH // SLICE):
        embedding = embedding.step()
        frames += embedding.frame().positions.shape == (2000, 2)
    assert frames / (time.process_time() - started) > 5


def test_a_dissolving_class_is_never_shown_as_settled_before_the_map_says_so(large: Embedding, clouds: Clouds) -> None:
    embedding, frames = large, []
    for refresh in range(1, 11):
        embedding = embedding.moved(clouds.features(refresh / 10))
        for _ in range(REFRESH // SLICE):
            embedding = embedding.step()
            frames.append(embedding.frame())
    lagging = [frame for frame in frames if gap(frame) > GAP]
    assert len(lagging) > 10  # the trap is there: the map lags far behind
    assert {frame.status for frame in lagging} == {"settling"}
    embedding = at_rest(embedding)
    last = embedding.frame()
    assert last.status == "settled"
    assert last.target_purity_features == pytest.approx(0.1, abs=0.05)
    assert last.target_purity_map == pytest.approx(last.target_purity_features, abs=GAP)


@pytest.mark.slow
def test_a_map_that_draws_a_class_purer_than_it_is_differs(large: Embedding, clouds: Clouds) -> None:
    halfway = large.moved(clouds.features(0.6))
    frames = []
    while halfway.status == "settling":
        halfway = halfway.step()
        frames.append(halfway.frame())
    last = frames[-1]
    assert (last.status, gap(last) > GAP) == ("differs", True)
    assert len(frames) * SLICE >= REFRESH + PATIENCE
    assert last.words.startswith("not settled: the map differs from the features; neighbour purity 0.")
    assert halfway.step() is halfway


def test_other_points_find_their_place_among_those_that_stay(settled: Embedding, few: Clouds) -> None:
    stay, come = np.arange(0, 250), np.arange(250, 300)
    half = settled.replaced(few.features()[stay], few.labels[stay], settled.picture.positions[stay], few.target[stay])
    known = np.vstack([half.picture.positions, np.full((50, 2), np.nan, np.float32)])
    whole = half.replaced(few.features(), few.labels, known, few.target)
    np.testing.assert_array_equal(whole.picture.positions[stay], settled.picture.positions[stay])
    off = np.linalg.norm(whole.picture.positions[come] - settled.picture.positions[come], axis=1)
    assert np.median(off) < 0.2  # beside their own class; the radius of the map is 1
    assert whole.status == "settling"
    assert at_rest(whole).status == "settled"


def test_points_that_are_all_new_begin_a_map(settled: Embedding, few: Clouds) -> None:
    nothing = np.full((300, 2), np.nan, np.float32)
    again = settled.replaced(few.features(), few.labels, nothing, few.target)
    assert again.iteration == 0
    np.testing.assert_array_equal(again.picture.positions, begun(few).picture.positions)


def test_back_to_the_bit(settled: Embedding, few: Clouds) -> None:
    kept = settled.frame()
    away = at_rest(settled.moved(few.features(1.0)))
    assert (away.picture.positions != kept.positions).any()
    back = away.restored(kept, few.features())
    np.testing.assert_array_equal(back.picture.positions, kept.positions)
    assert (back.status, back.iteration) == (kept.status, kept.iteration)
    assert back.step() is back
    assert back.moved(few.features(0.1)).picture is back.picture


def test_back_in_another_process_through_a_file(settled: Embedding, few: Clouds) -> None:
    kept = settled.frame()
    read = Frame.of(kept.positions.copy(), json.loads(json.dumps(kept.facts())))
    again = Embedding.at(read, few.features(), few.labels, few.target)
    np.testing.assert_array_equal(again.picture.positions, kept.positions)
    one, other = (m.moved(few.features(0.2)).step() for m in (again, settled.restored(kept, few.features())))
    np.testing.assert_array_equal(one.picture.positions, other.picture.positions)


def test_a_map_that_was_settling_goes_on(settled: Embedding, few: Clouds) -> None:
    midway = settled.moved(few.features(1.0)).step()
    back = settled.restored(midway.frame(), few.features(1.0))
    assert back.status == "settling"
    assert (back.step().picture.positions != midway.picture.positions).any()


def test_a_map_restored_while_it_unfolded_unfolds_to_the_end(few: Clouds) -> None:
    early = begun(few).step(100)
    back = early.restored(early.frame(), few.features())
    assert (back.iteration, back.layout.left) == (100, FIRST - 100)
    assert at_rest(back).status == "settled"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 20])
def test_few_points_have_a_map_too(count: int, few: Clouds) -> None:
    features = few.features()[:count]
    embedding = at_rest(Embedding.begin(features, few.labels[:count]))
    embedding = at_rest(embedding.moved(features + 1))
    assert np.isfinite(embedding.picture.positions).all()


@pytest.mark.parametrize("made", [np.zeros((60, 4)), np.repeat(np.eye(4), 15, 0), np.arange(60.0)[:, None], np.eye(60) * 1e30])
def test_odd_features_give_finite_maps(made: np.ndarray) -> None:
    embedding = Embedding.begin(made.astype(np.float32), np.arange(60) % 2).step(300)
    assert np.isfinite(embedding.picture.positions).all()
    assert np.isfinite(embedding.frame().kl or 0.0)


def test_principal_axes_follow_at_once_and_say_what_they_hide(few: Clouds) -> None:
    first = begun(few, method="pca")
    moved = first.moved(few.features(1.0))
    np.testing.assert_allclose(
        moved.picture.positions * moved.picture.scale, centred(first.seen.basis.picture(few.features(1.0))), atol=1e-3
    )
    assert first.status == "differs"  # two axes of twenty do not keep ten classes apart
    assert moved.restored(first.frame(), few.features()).frame().status == "differs"


def centred(positions: np.ndarray) -> np.ndarray:
    return positions - positions.mean(0)


@pytest.mark.parametrize(
    ("features", "labels", "target", "said"),
    [
        (np.full((4, 2), np.nan), np.zeros(4, np.int64), None, "features of 4 of 4 points are not finite"),
        (np.zeros((3, 2)), np.zeros(4, np.int64), None, "do not go with 4 labels"),
        (np.zeros(4), np.zeros(4, np.int64), None, "do not go with 4 labels"),
        (np.zeros((4, 2)), np.zeros(4, np.int64), np.zeros(3, bool), "the target has shape"),
        (np.zeros((4, 2)), np.zeros(4, np.int64), np.zeros(4), "type float64"),
        (np.zeros((0, 2)), np.zeros(0, np.int64), None, "labels have shape"),
    ],
)
def test_bad_input_is_refused_in_one_line(features: np.ndarray, labels: np.ndarray, target: np.ndarray | None, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        Embedding.begin(features.astype(np.float32), labels, target)
    assert "\n" not in str(caught.value)


def test_features_of_another_layer_are_refused(settled: Embedding, few: Clouds) -> None:
    with pytest.raises(DataError, match="have 5 columns, the map began with 20"):
        settled.moved(few.features()[:, :5])


def test_positions_that_do_not_fit_are_refused(settled: Embedding, few: Clouds) -> None:
    kept = settled.frame()
    with pytest.raises(DataError, match="positions of shape"):
        settled.restored(Frame.of(kept.positions[:5], kept.facts()), few.features())
    with pytest.raises(DataError, match="not finite"):
        settled.restored(Frame.of(kept.positions * np.nan, kept.facts()), few.features())


def test_the_table_of_projections() -> None:
    assert PROJECTIONS.names() == ["pca", "tsne", "umap"]
    with pytest.raises(PlanError, match="Did you mean 'tsne'"):
        Embedding.begin(np.zeros((4, 2), np.float32), np.zeros(4, np.int64), method="tsn")


def test_a_package_that_is_missing_is_named_with_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PlanError, match=r"pip install lorasteer\[umap\]`, or choose another: pca, tsne"):
        Embedding.begin(np.zeros((4, 2), np.float32), np.zeros(4, np.int64), method="umap")


@pytest.mark.slow
def test_umap_starts_at_the_positions_before(few: Clouds) -> None:
    pytest.importorskip("umap", reason="the extra umap is not installed", exc_type=ImportError)
    first = at_rest(begun(few, method="umap"))
    again = at_rest(begun(few, method="umap"))
    np.testing.assert_array_equal(first.picture.positions, again.picture.positions)
    moved = first.moved(few.features(0.1))
    assert moved.picture is first.picture
    jump = np.linalg.norm(at_rest(moved).picture.positions - first.picture.positions, axis=1).mean()
    assert 0 < jump < 0.5
