"""What a search may vary follows from what methods state, and proposals follow from what was seen."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lorasteer.records import Direction, Request, Target
from lorasteer.session.space import Knob, asked, propose, space_of

CAT = Request(target=Target(classes=("cat",)))
LINE = {"intensity": Knob(0.0, 1.0, log=False)}


def test_knobs_lie_around_the_defaults_within_what_is_allowed() -> None:
    space = space_of(CAT)
    assert set(space) == {"margin", "learning_rate", "retain", "anchor_weight", "intensity"}
    assert space["margin"] == Knob(0.125, 1.0)  # four times 0.5 is more than the setting allows
    assert space["learning_rate"] == Knob(0.00025, 0.004)
    assert space["retain"] == Knob(250, 4000, whole=True)


def test_what_is_set_by_hand_is_not_varied() -> None:
    assert "margin" not in space_of(CAT.model_copy(update={"settings": {"margin": 0.3}}))


def test_a_direction_adds_the_weight_of_what_it_spares() -> None:
    assert "spare_weight" in space_of(CAT.model_copy(update={"direction": Direction(attribute="subname", values=("tabby",))}))


def test_a_method_without_settings_leaves_nothing_to_vary() -> None:
    assert space_of(CAT.model_copy(update={"method": "logit-mask"})) == {}


def test_a_method_that_switches_a_setting_off_keeps_it_off() -> None:
    assert "retain" not in space_of(CAT.model_copy(update={"method": "gradient-ascent"}))


def test_layers_are_a_choice_where_several_are_named() -> None:
    space = space_of(CAT, layers=[(), ("layer3", "linear")])
    assert space["layers"].choices == ("", "layer3 linear")
    request = asked(CAT, {"layers": "layer3 linear", "intensity": 0.5})
    assert (request.settings["layers"], request.intensity) == (("layer3", "linear"), 0.5)
    assert asked(CAT, {"layers": ""}).settings["layers"] == ()
    assert "layers" not in space_of(CAT, layers=[("linear",)])


@pytest.mark.parametrize(("value", "held"), [(0.01, 0.125), (0.3, 0.3), (2.0, 1.0)])
def test_an_observation_beyond_a_knob_counts_at_its_end(value: float, held: float) -> None:
    assert Knob(0.125, 1.0).held(value) == held


def test_same_seed_and_observations_same_proposal() -> None:
    seen = [({"intensity": i / 10}, abs(i / 10 - 0.3)) for i in range(10)]
    assert propose(LINE, seen, 1) == propose(LINE, seen, 1)
    assert propose(LINE, seen, 1) != propose(LINE, seen, 2)


def test_proposals_go_where_it_was_good() -> None:
    seen = [({"intensity": i / 20}, abs(i / 20 - 0.3)) for i in range(21)]
    places = [float(str(propose(LINE, seen, seed)["intensity"])) for seed in range(20)]
    near = sum(abs(place - 0.3) < 0.15 for place in places)
    assert near > 15  # of 20; drawn evenly it would be 6


def test_optuna_is_imported_by_the_first_proposal_only() -> None:
    code = "import sys, lorasteer.session; assert 'optuna' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
