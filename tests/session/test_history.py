"""The tree of iterations: it only grows, and the head can be put anywhere in it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.errors import SessionError
from lorasteer.session.history import BASE, History
from tests.support.errors import refuses


def tree(parents: list[int]) -> History:
    """Iterations 1, 2, … with these parents, each taken below its number."""
    made = History()
    for number, parent in enumerate(parents, 1):
        made = made.grown(number, parent % number)
    return made


trees = st.lists(st.integers(0, 50), max_size=20).map(tree)


def test_worked_by_hand() -> None:
    """0 ─ 1 ─ 2, 0 ─ 1 ─ 3 ─ 4, 0 ─ 5."""
    made = tree([0, 1, 1, 3, 0])
    assert made.children(BASE) == (1, 5)
    assert made.children(1) == (2, 3)
    assert made.path(4) == (0, 1, 3, 4)
    assert made.leaves == (2, 4, 5)
    assert (made.head, made.next) == (5, 6)
    assert made.moved(4).undone().head == 3


@given(trees)
def test_as_many_undos_as_steps_lead_to_the_base(made: History) -> None:
    undone = made
    for _ in range(len(made.path(made.head)) - 1):
        assert undone.head != BASE
        undone = undone.undone()
    assert undone.head == BASE
    assert undone.undone() == undone
    assert undone.parents == made.parents


@given(trees, st.data())
def test_growing_and_moving_lose_nothing(made: History, data: st.DataObject) -> None:
    parent = data.draw(st.sampled_from([BASE, *made.parents]))
    before = dict(made.parents)
    grown = made.moved(parent).grown(made.next, parent)
    assert grown.path(grown.head) == (*made.path(parent), grown.head)
    assert {number: grown.parent(number) for number in before} == before == dict(made.parents)
    assert grown.undone().head == parent


@given(trees)
def test_every_path_begins_at_the_base_and_ends_in_a_branch_of_it(made: History) -> None:
    for number in made.parents:
        path = made.path(number)
        assert (path[0], path[-1]) == (BASE, number)
        assert all(made.parent(child) == parent for parent, child in pairwise(path))
    assert set(made.leaves) == set(made.parents) - set(made.parents.values())


def test_what_is_not_there_is_refused_with_what_is() -> None:
    made = tree([0, 1])
    for act in (made.moved, made.path, made.parent, lambda number: made.grown(3, number)):
        with refuses(SessionError, "there is no iteration 7", "Allowed: 0, 1, 2"):
            act(7)
    with pytest.raises(SessionError, match="iteration 2 is there already; the next number is 3"):
        made.grown(2, 0)
