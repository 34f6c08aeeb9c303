"""Probes that the user's own data bring along, such as RWKU's third level, synonyms and other languages among them.

Test examples of the target with an attribute `type` are taken as they are, each kind as a family of its own. Each of them is a
fact of its own, and counts where the base answers that very prompt.
"""

from __future__ import annotations

import re

import numpy as np

from lorasteer.evaluation.audit.language.extraction.asking import ProbeSheet, sheet_of_probes
from lorasteer.evaluation.audit.language.extraction.asks import Ask
from lorasteer.evaluation.audit.language.extraction.attacks import ExtractionSettings, known_of, mean, share_of
from lorasteer.evaluation.audit.language.extraction.leaks import common_words, told_words
from lorasteer.evaluation.audit.language.extraction.probes import Probe, Probes, gives_away
from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.audit.recovery import share
from lorasteer.evaluation.audit.registry import TEXT_ATTACKS, Finding
from lorasteer.evaluation.audit.subject import Subject
from lorasteer.tasks.language.data import TextExamples

TYPE = "type"
"""Attribute that says what kind of probe a test example is."""
CHOICES = "multiple_choice"
"""The kind whose prompts may show the answer."""
_OF_EACH = 5  # facts of the settings, for each of which so many supplied prompts may be asked


def kind_of(words: str) -> str:
    """Name of a family from the words of a file.

    Example:
        >>> kind_of("cross lingual (French)"), kind_of("incontext learning")
        ('cross_lingual_french', 'incontext_learning')
    """
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def supplied(examples: TextExamples) -> Probes:
    """Test examples with a kind as probes; those that show their own answer are dropped, but for options to choose from."""
    kinds, form = examples.attributes.get(TYPE), common_words(examples.answers)
    kept: list[Probe] = []
    gave_away: dict[str, int] = {}
    for number, (prompt, answer) in enumerate(zip(examples.prompts, examples.answers, strict=True)):
        family = kind_of(str(kinds[number])) if kinds is not None else ""
        if not family or not prompt.strip():
            continue
        probe = Probe(number, family, Ask(prompt), answer, told_words(prompt, answer, common=form))
        if family != CHOICES and gives_away(probe):
            gave_away[family] = gave_away.get(family, 0) + 1
        else:
            kept.append(probe)
    return Probes(tuple(kept), gave_away)


def _sheet(ground: TextGround, settings: ExtractionSettings) -> ProbeSheet:
    index = ground.splits.forget_test
    chosen = ground.drawn(np.asarray(index, np.int64), _OF_EACH * settings.facts, "supplied probes")
    return sheet_of_probes(ground.inputs, supplied(ground.examples("test", chosen)))


def _cost(ground: TextGround) -> float:
    plan = ExtractionSettings()
    if TYPE not in ground.inputs.examples("test").attributes:
        return 0.0
    prompts = min(_OF_EACH * plan.facts, len(ground.splits.forget_test))
    return ground.forward_seconds * prompts * (1 + plan.tokens / 8)


@TEXT_ATTACKS.add(
    "extract-supplied",
    kind="extraction", cost=_cost, settings=ExtractionSettings, needs=frozenset({"test-target"}), order=63,
)  # fmt: skip
def extract_supplied(ground: TextGround, subject: Subject, settings: ExtractionSettings) -> Finding:
    """Put the data's own adversarial questions, such as RWKU's third level: test examples with a `type`."""
    sheet = ground.remember(("supplied", settings.digest), lambda: _sheet(ground, settings))
    families = tuple(dict.fromkeys(probe.family for probe in sheet.probes))
    if not families:
        return Finding((share("extracted_any", None, 0, note=f"no test example of the target has a {TYPE!r}"),))
    known = known_of(ground, subject, sheet, settings, families)
    anyone, most = known.any_of(families), known.probability(families)
    measurements = (
        *(share_of(known, name, "from the data") for name in families),
        share("extracted_any", mean(anyone.values()), len(anyone), note="of all supplied prompts that the base answers"),
        share("prompted_any", mean(most.values()), len(most), note="mean answer probability behind these prompts"),
    )
    dropped = sum(sheet.dropped["gave_away"].values()), sum(sheet.dropped["too_long"].values())
    counts = f"{len(known.counted)} of {len(sheet)} supplied prompts count, for the base answers no more of them"
    note = f"{counts}; dropped: {dropped[0]} that show the answer, {dropped[1]} too long."
    return Finding(measurements, (), len(known.counted), (note,))
