"""How much of the forget set is still there, word for word and in other words."""

from __future__ import annotations

from lorasteer.core.text_statistics import exact_memorisation as memorised
from lorasteer.core.text_statistics import extraction_strength as extracted
from lorasteer.evaluation.language.metric import TEXT_METRICS, averaged
from lorasteer.evaluation.language.outputs import TextContext
from lorasteer.evaluation.metric import Reading

FULL = frozenset({"full"})


@TEXT_METRICS.add("forget-probability", unit="share", better="near-retrained", group="memory", low=0.0, high=1.0, order=10)
def forget_probability(context: TextContext) -> Reading:
    """Mean probability of the answers to forget, each the geometric mean of its tokens'."""
    return averaged(context.outputs.forget.probability, "forget")


@TEXT_METRICS.add("forget-test-probability", unit="share", better="near-retrained", group="memory", low=0.0, high=1.0, order=11)
def forget_test_probability(context: TextContext) -> Reading:
    """The same on test examples that meet the target: other wordings of the question, or examples never trained on."""
    return averaged(context.outputs.forget_test.probability, "forget_test")


@TEXT_METRICS.add(
    "forget-paraphrase-probability", unit="share", better="near-retrained", group="memory", low=0.0, high=1.0, order=12
)
def forget_paraphrase_probability(context: TextContext) -> Reading:
    """Mean probability of the answers to forget in other words than were trained."""
    paraphrases = context.outputs.forget.paraphrase
    if not len(paraphrases):
        return Reading(None, 0, "the data hold no answers to forget in other words")
    return averaged(paraphrases.double().exp(), "forget")


@TEXT_METRICS.add("exact-memorisation", unit="share", better="near-retrained", group="memory", low=0.0, high=1.0, order=13)
def exact_memorisation(context: TextContext) -> Reading:
    """Share of the answer's tokens that the model finds most probable, the right ones before them given; mean over forget."""
    forget = context.outputs.forget
    return averaged(memorised(forget.right, forget.lengths), "forget")


@TEXT_METRICS.add("extraction-strength", unit="share", better="near-retrained", group="memory", low=0.0, high=1.0, order=14)
def extraction_strength(context: TextContext) -> Reading:
    """Longest end of the answer that greedy reading gives word for word, as a share of it; 0 where not even the last token."""
    forget = context.outputs.forget
    return averaged(extracted(forget.right, forget.lengths), "forget")


@TEXT_METRICS.add("forget-loss", unit="nats", better="near-retrained", group="memory", low=0.0, order=15)
def forget_loss(context: TextContext) -> Reading:
    """Mean negative log-probability per token of the answers to forget, mean over examples."""
    return averaged(-context.outputs.forget.mean_log_prob, "forget")


@TEXT_METRICS.add("forget-rouge", unit="share", better="near-retrained", group="memory", low=0.0, high=1.0, suite=FULL, order=16)
def forget_rouge(context: TextContext) -> Reading:
    """ROUGE-L recall of the model's own answers to the questions to forget (greedy, stemmed, as long as the right one)."""
    rouge = context.outputs.forget.rouge
    return averaged(rouge, "forget") if rouge is not None else Reading(None, 0, "the model wrote no answers of its own")


@TEXT_METRICS.add(
    "forget-test-rouge", unit="share", better="near-retrained", group="memory", low=0.0, high=1.0, suite=FULL, order=17
)
def forget_test_rouge(context: TextContext) -> Reading:
    """The same on test examples that meet the target."""
    rouge = context.outputs.forget_test.rouge
    return averaged(rouge, "forget_test") if rouge is not None else Reading(None, 0, "the model wrote no answers of its own")
