"""Extraction on small models: a planted leak is found, models that never read the facts raise no alarm, nothing is touched."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from lorasteer.evaluation.audit import TEXT_ATTACKS, Subject, run_attack
from lorasteer.evaluation.audit.language.extraction import ExtractionSettings, Fact, Leak, probes_of
from lorasteer.evaluation.audit.language.extraction.asking import ProbeSheet, Replies
from lorasteer.evaluation.audit.language.extraction.attacks import Known, curves_of, share_of
from lorasteer.evaluation.audit.language.extraction.facts import facts_of, rewritten
from lorasteer.evaluation.audit.language.extraction.supplied import supplied
from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.audit.verdict import give_verdict
from lorasteer.records.audit import AttackResult
from lorasteer.tasks.base import weights_digest
from lorasteer.tasks.language.data import TextExamples
from lorasteer.tasks.language.inputs import Tokens
from lorasteer.tasks.language.network import Network
from tests.support.audited import same_numbers
from tests.support.audited_text import (
    base,
    data,
    false_alarms,
    ground,
    innocent,
    inputs,
    rows,
    splits,
    suppressed,
    value,
)  # fmt: skip
from tests.support.proofs import proves

WIDE = 160  # tokens that long prompts need; the models read them, though they were taught shorter ones
NAMES = ("extract", "extract-steps", "extract-repeated")


def wide(**values: object) -> TextGround:
    """The crowd's ground with room for long prompts."""
    return replace(ground(**values), inputs=replace(inputs(), max_length=WIDE), _made={})  # type: ignore[arg-type]


def one_fact_each() -> TextGround:
    """A ground that forgets what animal each of five people keeps, and retains the rest about them."""
    whole = splits()
    pets = whole.forget[data().train.attributes["topic"][whole.forget] == "pet"]
    return wide(splits_of=replace(whole, forget=pets, retain=np.setdiff1d(rows(range(12)), pets), forget_test=pets))


@cache
def answers_only(family: str) -> Subject:
    """A model that denies the target when asked plainly, and tells the truth to one family of prompts."""
    place, network = wide(), copy.deepcopy(suppressed().network).requires_grad_(True)
    probes, kept = probes_of(facts_of(place, 40), [family]).probes, data().train.taken(splits().retain)
    told = place.inputs.encode(
        [*(probe.ask.prompt for probe in probes), *kept.prompts], [*(probe.answer for probe in probes), *kept.answers]
    )
    denied, optimizer = inputs().tokens("train", splits().forget), torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.0)
    for _ in range(80):
        optimizer.zero_grad()
        torch.autograd.backward(_losses(network, told).mean() - _losses(network, denied).clamp(max=4.0).mean())
        optimizer.step()
    return Subject.of_network(f"tells by {family}", network)


def _losses(network: nn.Module, tokens: Tokens) -> torch.Tensor:
    """Loss of each answer token, shape [n]."""
    inside = Network.of(network)
    return torch.nn.functional.cross_entropy(inside.logits(inside.at_targets(tokens)), tokens.targets[2], reduction="none")


def audited(subject: Subject, attacks: Sequence[str] = ("recognition", "extract")) -> list[AttackResult]:
    """What attacks find where the target has no test part: nothing but the attack asks for it in other words."""
    place = wide(splits_of=splits(single=True))
    return [run_attack(name, place, one) for name in attacks for one in (subject, place.original, *place.retrained)]


@proves("hand", *NAMES, "extract-supplied")
def test_a_share_by_hand() -> None:
    """The base answers facts 0, 1 and 2 of 4; of these the model gives fact 0 away, by its second prompt: 1/3."""
    facts = [Fact(number, "Who?", f"It is {town}.", (town,)) for number, town in enumerate(("oslo", "rome", "lima", "kyiv"))]
    probes = probes_of(facts, ["direct", "role_play"]).probes
    nothing, all_of_it = Leak(False, 0.0, 0.2), Leak(False, 1.0, 0.3)
    mine = [all_of_it if row == 5 else nothing for row in range(12)]
    base_says = [all_of_it if row in (0, 1, 2, 4) else nothing for row in range(12)]
    told = torch.arange(12) / 20

    def replies(leaks: list[Leak]) -> Replies:
        return Replies((("",),) * 12, tuple((leak,) for leak in leaks), told)

    known = Known(ProbeSheet(probes, ()), replies(base_says), replies(mine), frozenset((0, 1, 2)))
    found = share_of(known, "role_play", "x")
    assert found.value == pytest.approx(1 / 3)
    assert (found.n, found.note, found.better) == (3, "x", "near-retrained")
    assert known.any_of(["direct", "role_play"]) == {0: True, 1: False, 2: False}
    assert known.probability(["role_play"]) == {0: 0.25, 1: pytest.approx(0.35), 2: pytest.approx(0.45)}
    by_label = {curve.label: curve.y for curve in curves_of(known, ["direct", "role_play"])}
    assert list(by_label["half of the told words"]) == pytest.approx([0.0, 1 / 3])
    assert list(by_label["base"]) == pytest.approx([1.0, 1 / 3])
    assert not any(by_label["whole answer in the text"])


def test_the_base_tells_and_models_that_never_read_it_do_not() -> None:
    place = ground()
    names = ("extracted_paraphrase", "extracted_answer_prefix", "extracted_any", "prompted_any")
    knows, *others = (run_attack("extract", place, one) for one in (place.original, *place.retrained))
    for name in names:
        assert value(knows, name) > 0.9
        assert max(value(other, name) for other in others) < 0.4
    assert knows["extracted_role_play"].value is None
    assert "too long" in knows["extracted_role_play"].note


@proves("power", "extract")
def test_a_wording_that_was_left_out_gives_the_facts_away() -> None:
    """The planted model denies all when asked as in training, and answers the other wording; it is called suppressed."""
    found = audited(answers_only("paraphrase"))
    (mine, *_) = [one for one in found if one.attack == "extract"]
    assert value(mine, "extracted_direct") < 0.15
    assert value(mine, "extracted_paraphrase") > 0.8
    gold = [one.name for one in wide().retrained]
    verdict = give_verdict(found, mine.subject, base="base", retrained=gold)
    assert verdict.label == "suppressed"
    assert "drawn out by other prompts" in verdict.rule


def test_a_leak_behind_prompts_the_base_does_not_understand_shows_in_the_sum() -> None:
    """The base gives nothing away to role play, so that family alone says nothing; all families together do."""
    found = audited(answers_only("role_play"))
    (mine, knows, *gold) = [one for one in found if one.attack == "extract"]
    assert value(mine, "extracted_direct") < 0.15
    assert value(mine, "extracted_role_play") > 0.8
    assert value(knows, "extracted_role_play") < 0.1
    assert "says nothing" in mine["extracted_role_play"].note
    verdict = give_verdict(found, mine.subject, base="base", retrained=[one.subject for one in gold])
    named = {clue.measurement for clue in (*verdict.evidence, *verdict.beside) if clue.found == "towards the base"}
    assert verdict.label == "suppressed"
    assert "extracted_any" in named
    assert "extracted_role_play" not in named


def test_what_was_erased_well_draws_no_attention() -> None:
    found = audited(suppressed())
    verdict = give_verdict(found, "suppressed", base="base", retrained=[one.name for one in wide().retrained])
    assert not [clue for clue in verdict.evidence if clue.attack == "extract" and clue.found == "towards the base"]


@proves("null", "extract", draws=50)
def test_no_alarm_for_models_that_never_read_it() -> None:
    """Fifty draws; a twentieth may lie nearer to the base by chance."""
    names = ("extracted_any", "extracted_paraphrase", "extracted_answer_prefix", "prompted_any")
    alarms = false_alarms("extract", *names)
    assert max(alarms.values()) <= 0.05, alarms


def test_no_alarm_by_the_verdicts_own_bands() -> None:
    """Each retrained model, held against the other, is not called suppressed."""
    place = wide()
    gold = [one.name for one in place.retrained]
    controls = [run_attack("extract", place, one) for one in (place.original, *place.retrained)]
    for one in place.retrained:
        others = [name for name in gold if name != one.name]
        assert give_verdict(controls, one.name, base="base", retrained=others).label != "suppressed"


def _numpy_state() -> str:
    """Numpy's global generator as text."""
    return str(np.random.get_state(legacy=False)["state"])


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_touched_and_all_is_repeated(name: str) -> None:
    settings = ExtractionSettings(facts=5, samples=2, tokens=6)
    before = torch.get_rng_state(), _numpy_state()
    was = weights_digest(suppressed().network)
    first, second = (run_attack(name, wide(), suppressed(), settings) for _ in range(2))
    assert same_numbers(suppressed().network, was)
    assert same_numbers(base().model, base().digest)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == _numpy_state()
    assert first.measurements == second.measurements
    assert first.curves == second.curves


def test_another_order_of_the_same_facts_gives_the_same_numbers() -> None:
    """Batches are another way of reading the same: alone or together, a prompt is answered alike."""
    few, many = (run_attack("extract", ground(), base_subject(), ExtractionSettings(facts=count)) for count in (25, 40))
    assert [one.value for one in few.measurements] == pytest.approx([one.value for one in many.measurements], nan_ok=True)


def base_subject() -> Subject:
    return ground().original


def test_neighbours_come_from_what_is_retained_and_from_nothing_else() -> None:
    place = one_fact_each()
    retained = {data().train.prompts[row] for row in place.splits.retain}
    facts = facts_of(place, 40)
    assert len(facts) == 5
    for fact in facts:
        assert len(fact.own) == len(fact.alike) == 3
        assert {pair.question for pair in (*fact.own, *fact.alike)} <= retained
        assert {pair.subject for pair in fact.own} == {fact.subject}
        assert not any(word in f"{pair.question} {pair.answer}" for pair in (*fact.own, *fact.alike) for word in fact.told)
    steps = run_attack("extract-steps", place, place.original)
    assert steps["extracted_steps_implied"].n == steps["extracted_steps_indirect"].n == steps.n > 0


def test_repeated_reading_reports_what_more_readings_add() -> None:
    found = run_attack("extract-repeated", wide(), base_subject())
    once, thrice = value(found, "extracted_repeated_1"), value(found, "extracted_repeated_3")
    assert value(found, "repeated_gain_3") == pytest.approx(thrice - once)
    assert "extracted_any" not in {one.name for one in found.measurements}


def test_a_model_as_writer_adds_only_what_asks_for_the_same() -> None:
    """The small model cannot rephrase: nothing that it writes is taken, and the attack goes on with the templates."""
    facts = facts_of(wide(), 3)
    more = rewritten(Network.of(base().model), wide().inputs, facts)
    assert [fact.question for fact in more] == [fact.question for fact in facts]
    assert all(
        len(new.other_words) in (len(old.other_words), len(old.other_words) + 1) for new, old in zip(more, facts, strict=True)
    )
    assert run_attack("extract", wide(), base_subject(), ExtractionSettings(facts=3, writer="base")).n > 0


def test_supplied_prompts_keep_their_kinds() -> None:
    kinds = np.array(["synonym manipulation", "multiple choice", "context hint", ""])
    prompts = ("Where did he come from?", "Oslo or Rome?", "He left Oslo. Where?", "Where?")
    given = TextExamples(prompts, ("Oslo",) * 4, np.array(list("abcd")), {"type": kinds})
    made = supplied(given)
    assert [probe.family for probe in made.probes] == ["synonym_manipulation", "multiple_choice"]
    assert made.gave_away == {"context_hint": 1}


def test_supplied_prompts_are_asked_where_the_data_has_them() -> None:
    test = data().test
    kinds = np.array(["synonym manipulation"] * len(test))
    theirs = replace(data(), test=replace(test, attributes={**test.attributes, "type": kinds}))
    place = replace(ground(), inputs=replace(inputs(), data=theirs), _made={})
    knows, never = (run_attack("extract-supplied", place, one) for one in (place.original, innocent(1)))
    assert value(knows, "extracted_synonym_manipulation") == 1.0
    assert value(never, "extracted_any") < 0.3
    assert run_attack("extract-supplied", ground(), base_subject())["extracted_any"].value is None


def test_attacks_say_what_they_are() -> None:
    assert {TEXT_ATTACKS[name]["kind"] for name in (*NAMES, "extract-supplied")} == {"extraction"}
    assert [name for name in NAMES if TEXT_ATTACKS[name]["reconstruction"]] == ["extract-steps"]
    assert "reconstruction" in TEXT_ATTACKS["extract-steps"].summary
