"""What can be done to a change itself, for language models: leave it off, blur it with noise, thin it out."""

from __future__ import annotations

from lorasteer.evaluation.audit.language.ground import TextGround
from lorasteer.evaluation.audit.language.recovery import TextJudge, asked_of
from lorasteer.evaluation.audit.noise import NoiseSettings, PruneSettings, blurred, thinned
from lorasteer.evaluation.audit.registry import TEXT_ATTACKS, Finding
from lorasteer.evaluation.audit.subject import Subject
from lorasteer.evaluation.audit.switch import SwitchSettings, switched_off

_CHANGE = frozenset({"change"})


def _times(ground: TextGround, count: int) -> float:
    """Estimated seconds of asking all questions so many times."""
    return ground.forward_seconds * asked_of(ground) * count


def _switch_cost(ground: TextGround) -> float:
    return _times(ground, len(SwitchSettings().strengths) + 1)


def _noise_cost(ground: TextGround) -> float:
    return _times(ground, len(NoiseSettings().levels) * NoiseSettings().draws)


def _prune_cost(ground: TextGround) -> float:
    return _times(ground, len(PruneSettings().shares))


@TEXT_ATTACKS.add(
    "switch-off", kind="switch", cost=_switch_cost, settings=SwitchSettings, needs=_CHANGE, suite=frozenset({"quick", "full"}),
    order=50,
)  # fmt: skip
def switch_off(ground: TextGround, subject: Subject, settings: SwitchSettings) -> Finding:
    """Turn the change down, to nothing at last."""
    return switched_off(TextJudge.on(ground), ground, subject, settings)


@TEXT_ATTACKS.add("noise", kind="noise", cost=_noise_cost, settings=NoiseSettings, needs=_CHANGE, order=51)
def noise(ground: TextGround, subject: Subject, settings: NoiseSettings) -> Finding:
    """Blur the update with Gaussian noise."""
    return blurred(TextJudge.on(ground), ground, subject, settings)


@TEXT_ATTACKS.add("prune", kind="noise", cost=_prune_cost, settings=PruneSettings, needs=_CHANGE, order=52)
def prune(ground: TextGround, subject: Subject, settings: PruneSettings) -> Finding:
    """Undo the smallest entries of the update."""
    return thinned(TextJudge.on(ground), ground, subject, settings)
