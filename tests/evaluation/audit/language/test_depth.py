"""Unlearning depth of language models."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from lorasteer.evaluation.audit import Subject, run_attack
from lorasteer.evaluation.audit.language.states import batches, log_probabilities, states, stations
from lorasteer.tasks.language.inputs import Tokens
from lorasteer.tasks.language.network import Network
from tests.support.audited_text import base, data, draws, false_alarms, ground, innocent, inputs, suppressed, value
from tests.support.proofs import proves


def tokens() -> Tokens:
    return next(batches(inputs(), "train", ground().splits.forget[:3]))


@proves("hand", "unlearning-depth")
def test_a_patch_worked_by_hand() -> None:
    """A state of zeros leaves the head, which has no bias, with even chances: log p = -log of the words, and so the fall."""
    network, batch = Network.of(base().model), tokens()
    last = len(network.blocks) - 1
    put = torch.zeros_like(states(network, batch)[last])
    said = log_probabilities(network, batch, after=last, put=put)
    words = network.head_weight.shape[0]
    assert said.tolist() == pytest.approx([-math.log(words)] * 3, abs=1e-6)


def test_a_models_own_states_change_nothing() -> None:
    network, batch = Network.of(base().model), tokens()
    usual = log_probabilities(network, batch)
    for block, state in enumerate(states(network, batch)):
        assert torch.allclose(log_probabilities(network, batch, after=block, put=state), usual, atol=1e-5)
    assert len(states(network, batch)) == len(stations(network)) == 2


def test_no_hook_stays_behind() -> None:
    network = Network.of(base().model)
    states(network, tokens())
    assert not any(block._forward_hooks for block in network.blocks)


@proves("invariance", "unlearning-depth")
def test_it_gives_the_same_again_and_leaves_the_models_alone() -> None:
    place, before = ground(), base().digest
    first, again = (run_attack("unlearning-depth", spot, suppressed()) for spot in (place, ground()))
    assert first.measurements == again.measurements
    assert base().digest == before == Subject.of_base("base", base()).digest


@proves("power", "unlearning-depth")
def test_what_is_only_denied_in_the_last_block_is_found_before_it() -> None:
    """Power: the base scores 0, retrained models 1 among themselves, and the suppressed one stays far below them."""
    place = ground()
    found = {who.name: value(run_attack("unlearning-depth", place, who), "depth_score") for who in (
        place.original, suppressed(), *place.retrained)}  # fmt: skip
    assert found["base"] < 0.05
    assert found["suppressed"] < 0.6
    assert min(found[who.name] for who in place.retrained) > 0.8


@proves("null", "unlearning-depth", draws=50)
def test_models_that_never_read_of_a_person_are_not_taken_for_the_base() -> None:
    """Null: of fifty at most one in twenty lies nearer to the base than to others that did not read either."""
    assert len(draws()) == 50
    assert false_alarms("unlearning-depth", "depth_score")["depth_score"] <= 0.05


def test_where_nothing_encodes_the_target_there_is_no_score() -> None:
    place = ground(retrained=(Subject.of_network("retrained", copy.deepcopy(base().model)),))
    result = run_attack("unlearning-depth", place, innocent(0))
    assert result.value("depth_score") is None
    assert "no station encodes" in result["depth_score"].note
    assert data().digest
