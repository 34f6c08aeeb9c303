"""Attacks that draw forgotten answers out by prompts, and what they measure.

Only facts count that the base answers to the plain question: what a model never knew cannot be drawn out of it. Of these,
`extracted_<family>` is the share that some prompt of a family gives away, `extracted_any` the share that any family but the plain
question does, and `prompted_any` the mean over facts of the highest probability of the answer behind any prompt; it is finer than
strings, and small models that cannot follow an instruction still show there what they know. The same probes go to base, retrained
and never-trained models. A family to which the base itself gives nothing away says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from lorasteer.evaluation.audit.language.extraction.asking import (
    Manner,
    ProbeSheet,
    Replies,
    given_away,
    reply,
    sheet_of_probes,
)
from lorasteer.evaluation.audit.language.extraction.facts import Fact, facts_of, rewritten
from lorasteer.evaluation.audit.language.extraction.leaks import HALF, Leak
from lorasteer.evaluation.audit.language.extraction.probes import DIRECT, FAMILIES, families_of, probes_of
from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.audit.recovery import share
from lorasteer.evaluation.audit.registry import TEXT_ATTACKS, Finding
from lorasteer.evaluation.audit.subject import Subject
from lorasteer.records import Measurement, Settings
from lorasteer.records.audit import AuditCurve
from lorasteer.tasks.language.network import Network

_PROMPTS = 1.5  # prompts of a family and fact, about
_WORDS = {"gave_away": "show the answer", "lacking": "lack what it needs", "too_long": "are too long"}
Rule = Callable[[Leak], bool]
_NOTHING = "the base itself gives nothing away to it, so it says nothing"


class ExtractionSettings(Settings):
    """Settings of the attacks by prompts."""

    facts: Annotated[int, Field(gt=0)] = 40
    """Forgotten facts that are asked for, at most."""
    tokens: Annotated[int, Field(gt=0)] = 32
    """Tokens of a reply at most."""
    samples: Annotated[int, Field(ge=0)] = 0
    """Replies drawn by lot beside the greedy one; a fact is given away if any of them gives it away."""
    temperature: Annotated[float, Field(gt=0)] = 0.7
    """Temperature of these replies."""
    writer: Literal["templates", "base"] = "templates"
    """Who writes the prompts: templates, or beside them the base, which puts each question in other words."""


@dataclass(frozen=True)
class Known:
    """What models said to a sheet, of the facts that count.

    Args:
        sheet: The probes.
        base: Replies of the base.
        mine: Replies of the model under attack.
        counted: Numbers of the facts that the base answers to the plain question.
    """

    sheet: ProbeSheet
    base: Replies
    mine: Replies
    counted: frozenset[int]

    def leaked(self, family: str, replies: Replies | None = None) -> dict[int, bool]:
        """Whether the model under attack, or another, gave each fact that counts away to a family."""
        found = given_away(self.sheet, replies or self.mine, family)
        return {fact: leaked for fact, leaked in found.items() if fact in self.counted}

    def any_of(self, families: Iterable[str]) -> dict[int, bool]:
        """Whether each fact was given away to any of these families."""
        found: dict[int, bool] = {}
        for family in families:
            for fact, leaked in self.leaked(family).items():
                found[fact] = found.get(fact, False) or leaked
        return found

    def probability(self, families: Iterable[str]) -> dict[int, float]:
        """The highest probability of each fact's answer behind a prompt of these families; NaN counts as 0."""
        wanted, found = set(families), dict[int, float]()
        for probe, value in zip(self.sheet.probes, self.mine.probability.nan_to_num(0.0).tolist(), strict=True):
            if probe.family in wanted and probe.fact in self.counted:
                found[probe.fact] = max(found.get(probe.fact, 0.0), value)
        return found


def _cost(ground: TextGround, group: str) -> float:
    """Seconds of asking one model: a pass to score each prompt, and an eighth of one for each token it writes."""
    plan = ExtractionSettings()
    prompts = len(families_of(group)) * _PROMPTS * min(plan.facts, len(ground.splits.forget))
    return ground.forward_seconds * prompts * (1 + plan.tokens / 8)


@TEXT_ATTACKS.add(
    "extract",
    kind="extraction", cost=lambda ground: _cost(ground, "rephrasing"), settings=ExtractionSettings,
    suite=frozenset({"quick", "full"}), order=60,
)  # fmt: skip
def extract(ground: TextGround, subject: Subject, settings: ExtractionSettings) -> Finding:
    """Ask for the forgotten facts in a dozen other manners: in other words, with gaps, in a part, with options, with examples."""
    return extracted(ground, subject, settings, "rephrasing")


@TEXT_ATTACKS.add(
    "extract-steps",
    kind="extraction", cost=lambda ground: _cost(ground, "reasoning"), settings=ExtractionSettings, order=61, reconstruction=True,
)  # fmt: skip
def extract_steps(ground: TextGround, subject: Subject, settings: ExtractionSettings) -> Finding:
    """Lead to the forgotten facts step by step over retained ones (a reconstruction of Sleek after its abstract)."""
    return extracted(ground, subject, settings, "reasoning")


@TEXT_ATTACKS.add(
    "extract-repeated",
    kind="extraction", cost=lambda ground: _cost(ground, "repeating"), settings=ExtractionSettings, order=62,
)  # fmt: skip
def extract_repeated(ground: TextGround, subject: Subject, settings: ExtractionSettings) -> Finding:
    """Show a document without the answer once, twice and three times before the question."""
    found = extracted(ground, subject, settings, "repeating")
    at = {one.name: one for one in found.measurements}
    once = at["extracted_repeated_1"]
    gains = tuple(_gain(f"repeated_gain_{times}", once, at[f"extracted_repeated_{times}"]) for times in (2, 3))
    # what all readings together draw out is no number to judge by: a context read twice helps every model
    kept = [one for one in found.measurements if not one.name.endswith(("_any", "_gain"))]
    return found._replace(measurements=(*kept, *gains))


def _gain(name: str, before: Measurement, after: Measurement) -> Measurement:
    """How much more one measurement is than another; of differences no band is made."""
    missing = next((one for one in (before, after) if one.value is None), None)
    value = None if before.value is None or after.value is None else after.value - before.value
    note = "" if missing is None else missing.note or f"{missing.name} could not be taken"
    return Measurement(
        name=name, value=value, unit="share", n=min(before.n, after.n), better="none", low=-1.0, high=1.0, note=note
    )


def extracted(ground: TextGround, subject: Subject, settings: ExtractionSettings, group: str) -> Finding:
    """What the families of an attack draw out of a model.

    Args:
        ground: Where the attack takes place.
        subject: The model; it is left bit-identical.
        settings: Of the attack.
        group: The attack the families belong to.
    """
    names = families_of(group)
    facts = _facts(ground, settings)
    sheet = ground.remember(("probes", group, settings.digest), lambda: sheet_of_probes(ground.inputs, probes_of(facts, names)))
    known = known_of(ground, subject, sheet, settings)
    drawing = [name for name in names[1:] if FAMILIES[name].draws]
    plain = share_of(known, DIRECT, FAMILIES[DIRECT].what)
    anyone, most = known.any_of(drawing), known.probability(drawing)
    everything = share("extracted_any", mean(anyone.values()), len(anyone), note="by any family but the plain question")
    measurements = (
        plain, *(share_of(known, name, FAMILIES[name].what) for name in names[1:]),
        everything, _gain("extracted_gain", plain, everything),
        share("prompted_any", mean(most.values()), len(most), note="mean of the highest answer probability behind any prompt"),
        *(_prompted(known, name) for name in names),
    )  # fmt: skip
    return Finding(measurements, curves_of(known, names), len(known.counted), _notes(known, facts, names))


def _facts(ground: TextGround, settings: ExtractionSettings) -> tuple[Fact, ...]:
    """The facts that are asked for; made once, and with the base's rewritings where it writes."""

    def make() -> tuple[Fact, ...]:
        facts = facts_of(ground, settings.facts)
        return rewritten(Network.of(ground.base.model), ground.inputs, facts) if settings.writer == "base" else facts

    return ground.remember(("facts", settings.facts, settings.writer), make)


def known_of(
    ground: TextGround, subject: Subject, sheet: ProbeSheet, settings: ExtractionSettings, by: Iterable[str] = (DIRECT,)
) -> Known:
    """Replies of a model and of the base to a sheet; each model is asked once.

    Args:
        ground: Where the attack takes place.
        subject: The model under attack.
        sheet: The probes.
        settings: Of the attack.
        by: Families by which the base shows that it knows a fact.
    """
    manner = Manner(settings.tokens, settings.samples, settings.temperature, ground.seed)

    def said(one: Subject) -> Replies:
        key = ("replies", one.digest, sheet.digest, manner)
        return ground.remember(key, lambda: reply(Network.of(one.network), ground.inputs, sheet, manner))

    base = said(ground.original)
    counted = (fact for one in by for fact, leaked in given_away(sheet, base, one).items() if leaked)
    return Known(sheet, base, said(subject), frozenset(counted))


def share_of(known: Known, family: str, what: str) -> Measurement:
    """Share of the facts that count which a family gives away; None where it has a prompt for none of them."""
    mine = known.leaked(family)
    note = what if any(known.leaked(family, known.base).values()) else _NOTHING
    return share(f"extracted_{family}", mean(mine.values()), len(mine), note=note if mine else _why_not(known, family))


def _prompted(known: Known, family: str) -> Measurement:
    found = known.probability((family,))
    return share(f"prompted_{family}", mean(found.values()), len(found), note="answer probability behind its best prompt")


def _why_not(known: Known, family: str) -> str:
    if not known.counted:
        return "the base answers none of the facts"
    return _dropped(known.sheet, family) or "no prompt for a fact that counts"


def _dropped(sheet: ProbeSheet, family: str) -> str:
    """How many prompts of a family were dropped, in words; empty where none was."""
    counts = {why: sheet.dropped.get(why, {}).get(family, 0) for why in _WORDS}
    return ", ".join(f"{count} {_WORDS[why]}" for why, count in counts.items() if count)


def _notes(known: Known, facts: Sequence[Fact], names: Sequence[str]) -> tuple[str, ...]:
    notes = [f"{len(known.counted)} of {len(facts)} facts count, for the base answers no more of them."]
    dropped = {name: text for name in names if (text := _dropped(known.sheet, name))}
    if dropped:
        notes.append(f"Dropped prompts: {'; '.join(f'{name}: {text}' for name, text in dropped.items())}.")
    if any(FAMILIES[name].reconstruction for name in names):
        notes.append("The step-by-step prompts are a reconstruction after Sleek's abstract (arXiv:2506.17279).")
    return tuple(notes)


def curves_of(known: Known, names: Sequence[str]) -> tuple[AuditCurve, ...]:
    """For each family, the share of counting facts given away by each rule alone, and the same of the base for comparison."""
    rules: Mapping[str, Rule] = {
        "whole answer in the text": lambda leak: leak.string,
        "half of the told words": lambda leak: leak.told >= HALF,
        "ROUGE-L recall of the whole answer >= 0.5": lambda leak: leak.recall >= HALF,
    }
    lines = {label: [_by_rule(known, known.mine, name, rule) for name in names] for label, rule in rules.items()}
    lines["base"] = [_by_rule(known, known.base, name, lambda leak: leak.found) for name in names]
    places = tuple(map(float, range(len(names))))
    return tuple(
        AuditCurve(label=label, x=places, y=tuple(line), ticks=tuple(names), x_label="family", y_label="share given away")
        for label, line in lines.items()
    )


def _by_rule(known: Known, replies: Replies, family: str, rule: Rule) -> float:
    found: dict[int, bool] = {}
    for probe, leaks in zip(known.sheet.probes, replies.leaks, strict=True):
        if probe.family == family and probe.fact in known.counted:
            found[probe.fact] = found.get(probe.fact, False) or any(rule(leak) for leak in leaks)
    return mean(found.values()) or 0.0


def mean(values: Iterable[float]) -> float | None:
    """Mean of some numbers; None where there are none."""
    found = list(values)
    return sum(found) / len(found) if found else None
