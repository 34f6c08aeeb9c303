"""The errors a user can meet: all drawn in one picture, user errors apart from the others, words for an unknown name."""

from __future__ import annotations

import inspect
import pickle

import pytest

from lorasteer import errors
from lorasteer.errors import Interrupted, LorasteerError, TrainingDiverged, UserError, choices

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, LorasteerError)]


def drawn() -> dict[str, str]:
    """Names in the picture of the module's docstring and the name each hangs under."""
    parents, stack = {}, []
    for line in (errors.__doc__ or "").splitlines():
        words = line.replace("│", " ").replace("├──", "   ").replace("└──", "   ")
        name = words.split()[0] if words.split() else ""
        if not hasattr(errors, name):
            continue
        depth = (len(words) - len(words.lstrip())) // 4
        stack = [*stack[:depth], name]
        parents[name] = stack[-2] if depth else "Exception"
    return parents


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_is_drawn_under_its_parent_and_explained(kind: type[LorasteerError]) -> None:
    assert kind.__base__ is not None
    assert drawn().get(kind.__name__) == kind.__base__.__name__
    assert kind.__doc__


def test_the_picture_draws_nothing_else() -> None:
    assert set(drawn()) == {kind.__name__ for kind in CLASSES}


def test_a_diverged_training_or_a_stop_is_not_the_users_mistake() -> None:
    assert not issubclass(TrainingDiverged, UserError)
    assert not issubclass(Interrupted, UserError)


def test_diverged_says_which_step_was_kept_and_what_to_do() -> None:
    error = TrainingDiverged(step=7, last_good=6)
    assert (error.step, error.last_good) == (7, 6)
    for words in ("step 7", "step 6 are kept", "Lower the learning rate"):
        assert words in str(error)


def test_choices_name_the_nearest_first_then_all() -> None:
    assert choices("cta", ["dog", "cat"]) == "Did you mean 'cat'? Allowed: dog, cat."
    assert choices("zzz", ["dog", "cat"]) == "Allowed: dog, cat."


def test_long_lists_of_choices_are_cut() -> None:
    text = choices("zzz", [f"a{number}" for number in range(31)])
    assert "a29, … (31 in all)." in text
    assert "a30" not in text
    assert "…" not in choices("zzz", [f"a{number}" for number in range(30)])


def test_user_errors_survive_a_trip_to_another_process() -> None:
    for kind in CLASSES:
        if issubclass(kind, UserError):
            back = pickle.loads(pickle.dumps(kind("what, got, allowed.")))
            assert (type(back), str(back)) == (kind, "what, got, allowed.")


def test_a_diverged_training_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(TrainingDiverged(5, 3)))
    assert (error.step, error.last_good, str(error)) == (5, 3, str(TrainingDiverged(5, 3)))
