"""The attacks by prompts beside `extract`: a planted leak is found by each, and fifty draws raise no alarm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lorasteer.evaluation.audit import Subject, run_attack
from lorasteer.evaluation.audit.language.extraction import ExtractionSettings
from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.audit.registry import TEXT_ATTACKS
from lorasteer.records import Settings
from lorasteer.records.audit import AttackResult
from tests.evaluation.audit.language.test_extraction import answers_only, wide
from tests.support.audited_text import data, false_alarms, innocent, inputs, suppressed, value
from tests.support.proofs import proves

SHORT = ExtractionSettings(tokens=10)
ROOM = 160
FINDS = {"extract-steps": ("steps_direct", "extracted_steps_direct"), "extract-repeated": ("repeated_1", "extracted_repeated_1")}


def in_room(attack: str, place: TextGround, subject: Subject, settings: Settings | None) -> AttackResult:
    """An attack with room for long prompts, on data whose test part gives each question as a synonym of itself."""
    kinds = np.array(["synonym manipulation"] * len(data().test))
    test = replace(data().test, attributes={**data().test.attributes, "type": kinds})
    read = place.remember(("room",), lambda: replace(inputs(), data=replace(data(), test=test), max_length=ROOM))
    return run_attack(attack, replace(place, inputs=read), subject, settings)


@proves("power", *FINDS)
@pytest.mark.parametrize("attack", FINDS)
def test_a_model_that_tells_by_one_family_alone_is_found_out(attack: str) -> None:
    """Power: it denies the target as the suppressed model does when asked plainly."""
    family, name = FINDS[attack]
    tells, denies = (run_attack(attack, wide(), one, SHORT) for one in (answers_only(family), suppressed()))
    assert value(tells, "extracted_direct") < 0.15
    assert value(tells, name) > 0.6
    assert value(denies, name) < 0.4


@proves("power", "extract-supplied")
def test_prompts_of_a_file_find_what_the_base_knows() -> None:
    """Power: the base tells by the file's prompts, which are other wordings; a model that never read of them does not."""
    place = wide()
    knows, never = (in_room("extract-supplied", place, one, SHORT) for one in (place.original, innocent(0)))
    assert value(knows, "extracted_synonym_manipulation") == 1.0
    assert value(never, "extracted_synonym_manipulation") < 0.4


@proves("null", "extract-steps", "extract-repeated", "extract-supplied", draws=50)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("attack", "name", "most"),
    [
        ("extract-steps", "prompted_any", 0.05),
        ("extract-repeated", "extracted_repeated_1", 0.2),
        ("extract-supplied", "extracted_any", 0.2),
    ],
)
def test_it_does_not_cry_wolf(attack: str, name: str, most: float) -> None:
    """Null: of fifty models and people they never read of, how many look more like the base than like others.

    Shares of five facts are coarse, and some answers are guessed: measured 0.16 and 0.14. A verdict allows for their number.
    """
    assert TEXT_ATTACKS[attack]["kind"] == "extraction"
    assert false_alarms(attack, name, settings=SHORT, run=in_room)[name] <= most
