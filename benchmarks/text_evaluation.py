"""One pass over all questions against one metric at a time, on a language model that has memorised TOFU.

Both measure what TOFU and the membership attacks ask, on the same tokens, in one process with the same threads, taking turns.
The straightforward evaluator is what a script on transformers does: each of the suite's metrics asks the model for itself, in
batches of 32 in the order of the data, padded to the longest, logits everywhere; its own answers come from `generate`, 200 tokens
at most. It is timed twice: strictly, and with the candidates of the truth ratio computed once and shared by the metrics that need
them, as open-unlearning does. That all find the same numbers is checked. Times are CPU seconds, which other work on the machine
lengthens less than wall time.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.common import DATA, say, write
from lorasteer.core import text_statistics as text
from lorasteer.core.rouge import rouge_l_recall
from lorasteer.core.statistics import rank_auc
from lorasteer.evaluation.language import Questionnaire, Sheet, TextContext, TextOutputs, collect, evaluate_text, prepare
from lorasteer.evaluation.language.attacks import membership
from lorasteer.evaluation.language.attacks.membership import area
from lorasteer.tasks.language.inputs import Template, TextInputs, Tokens
from lorasteer.tasks.language.sources import load_text
from lorasteer.tasks.splits import Holdout, Splits

FORGET, RETAIN, SHEET = 40, 40, 20  # examples: forget01, and a sample of the rest that takes minutes, not hours
BATCH, WRITTEN, TURNS = 32, 200, 3
WORDS = {"strict": "one metric at a time", "shared": "one metric at a time, candidates shared", "ours": "one pass"}


@dataclass
class Straightforward:
    """An evaluator that asks the model anew for every metric.

    Args:
        model: The model.
        asked: The same questions as ours.
        retrained: What the retrained model says, known beforehand.
        shared: Compute what several metrics need of the candidates once.
    """

    model: Any
    asked: Questionnaire
    retrained: TextOutputs
    shared: bool
    _known: dict[tuple[str, str], Any] = field(default_factory=dict)

    def measure(self) -> dict[str, float]:
        """All numbers of the full suite that need the model, each by its own."""
        found = {name: metric(self) for name, metric in METRICS.items()}
        self._known.clear()
        return found

    def tokens(self, name: str, kind: str) -> list[Tokens]:
        """Batches of prompts with right, paraphrased or wrong answers; made before the clock runs."""
        return BATCHES[id(self.asked)][name, kind]

    @torch.no_grad()
    def log_probs(self, name: str, kind: str = "right") -> list[Tensor]:
        """Log p over the vocabulary at every answer token: one list entry for each answer."""
        found = []
        for batch in self.tokens(name, kind):
            logits = self.model(input_ids=batch.ids, attention_mask=batch.mask).logits.log_softmax(-1)
            for row in range(len(batch)):
                places = (batch.labels[row] != -100).nonzero()[:, 0]
                found.append((logits[row, places - 1], batch.labels[row, places]))
        return found  # type: ignore[return-value]

    def own(self, name: str, kind: str = "right") -> list[Tensor]:
        """Log-probabilities of the answer tokens."""
        return [log_p.gather(1, labels[:, None])[:, 0].double() for log_p, labels in self.log_probs(name, kind)]  # type: ignore[misc]

    def means(self, name: str, kind: str = "right") -> Tensor:
        """Mean log-probability of each answer; of candidates once only where they are shared."""
        if not self.shared or kind == "right":
            return torch.stack([own.mean() for own in self.own(name, kind)])
        if (name, kind) not in self._known:
            self._known[name, kind] = torch.stack([own.mean() for own in self.own(name, kind)])
        known: Tensor = self._known[name, kind]
        return known

    def ratio(self, name: str, space: str) -> Tensor:
        """Truth ratios."""
        sheet = sheet_named(self.asked, name)
        right = self.means(name, "paraphrase") if any(sheet.paraphrased) else self.means(name)
        counts = torch.tensor([len(q.answers) - 1 - p for q, p in zip(sheet.questions, sheet.paraphrased, strict=True)])
        formula = text.truth_ratio_loss if space == "loss" else text.truth_ratio_probability
        return formula(right[counts > 0], self.means(name, "wrong"), counts[counts > 0])

    @torch.no_grad()
    def rouge(self, name: str) -> float:
        """Mean ROUGE-L recall of greedy answers of 200 tokens at most."""
        if self.shared and (name, "rouge") in self._known:
            return float(self._known[name, "rouge"])
        inputs, sheet, scores = self.asked.inputs, sheet_named(self.asked, name), list[float]()
        end = inputs.tokenizer.eos_token_id
        for begin in range(0, len(sheet), BATCH):
            prompts = [question.prompt for question in sheet.questions[begin : begin + BATCH]]
            longest = max(map(len, prompts))
            ids = torch.tensor([[*[end] * (longest - len(prompt)), *prompt] for prompt in prompts])
            mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
            whole = self.model.generate(
                ids, attention_mask=mask, do_sample=False, max_new_tokens=WRITTEN, eos_token_id=end, pad_token_id=end
            )
            for row, answer in zip(whole, sheet.examples.answers[begin : begin + BATCH], strict=True):
                scores.append(rouge_l_recall(answer, inputs.decode(row[longest:]).strip()))
        self._known[name, "rouge"] = statistics.mean(scores)
        return float(self._known[name, "rouge"])

    def area(self, attack: Callable[[Straightforward, str], Tensor]) -> float:
        """Area of an attack, forget against held-out."""
        return rank_auc(attack(self, "forget"), attack(self, "validation"))

    def quality(self, space: str) -> float:
        """Forget quality beside the retrained model's truth ratios."""
        return text.forget_quality(self.ratio("forget", space), self.retrained.forget.truth_ratio(space))

    def utility(self, space: str) -> float:
        """Harmonic mean of nine."""
        nine = list[float]()
        for name in ("retain", *self.asked.sheets):
            if name == "retain":
                nine.append(self.means(name).exp().mean().item())
            else:
                counts = torch.tensor([len(q.answers) - 1 for q in sheet_named(self.asked, name).questions])
                nine.append(text.probability_among(self.means(name), self.means(name, "wrong"), counts).mean().item())
            nine += [self.rouge(name), text.truth_ratio_kept(self.ratio(name, space)).mean().item()]
        return text.harmonic_mean(nine)

    def right_words(self, name: str) -> tuple[Tensor, Tensor]:
        """Whether each token is the most probable word, and the lengths."""
        hits = [log_p.argmax(-1) == labels for log_p, labels in self.log_probs(name)]  # type: ignore[misc]
        return torch.cat(hits), torch.tensor([len(hit) for hit in hits])


def lengths_of(rows: Sequence[Tensor]) -> Tensor:
    """Lengths of ragged rows."""
    return torch.tensor([len(row) for row in rows])


def min_k(evaluator: Straightforward, name: str) -> Tensor:
    """Min-K% of each answer."""
    own = evaluator.own(name)
    return text.lowest_mean(torch.cat(own), lengths_of(own), share=0.4)


def min_k_plus(evaluator: Straightforward, name: str) -> Tensor:
    """Min-K%++ of each answer."""
    rows = []
    for log_p, labels in evaluator.log_probs(name):  # type: ignore[misc]
        p, own = log_p.exp(), log_p.gather(1, labels[:, None])[:, 0]
        mean = (p * log_p).sum(-1)
        rows.append(text.standardised(own, mean, ((p * log_p**2).sum(-1) - mean**2).clamp(min=0).sqrt()))
    return text.lowest_mean(torch.cat(rows), lengths_of(rows), share=0.4)


def zlib(evaluator: Straightforward, name: str) -> Tensor:
    """Mean log-probability by the bytes of the compressed answer."""
    return evaluator.means(name) / torch.tensor(sheet_named(evaluator.asked, name).compressed)


METRICS: Mapping[str, Callable[[Straightforward], float]] = {
    "forget_probability": lambda e: e.means("forget").exp().mean().item(),
    "forget_test_probability": lambda e: e.means("forget_test").exp().mean().item(),
    "forget_paraphrase_probability": lambda e: e.means("forget", "paraphrase").exp().mean().item(),
    "exact_memorisation": lambda e: text.exact_memorisation(*e.right_words("forget")).mean().item(),
    "extraction_strength": lambda e: text.extraction_strength(*e.right_words("forget")).mean().item(),
    "forget_loss": lambda e: -e.means("forget").mean().item(),
    "forget_rouge": lambda e: e.rouge("forget"),
    "forget_test_rouge": lambda e: e.rouge("forget_test"),
    "truth_ratio_loss": lambda e: text.truth_ratio_forgotten(e.ratio("forget", "loss")).mean().item(),
    "truth_ratio_probability": lambda e: text.truth_ratio_forgotten(e.ratio("forget", "probability")).mean().item(),
    "truth_share": lambda e: (1 / (1 + e.ratio("forget", "probability"))).mean().item(),
    "forget_quality": lambda e: e.quality("loss"),
    "forget_quality_probability": lambda e: e.quality("probability"),
    "retain_probability": lambda e: e.means("retain").exp().mean().item(),
    "retain_rouge": lambda e: e.rouge("retain"),
    "model_utility": lambda e: e.utility("loss"),
    "model_utility_probability": lambda e: e.utility("probability"),
    "mia_auc": lambda e: e.area(lambda e, name: e.means(name)),
    "mia_auc_zlib": lambda e: e.area(zlib),
    "mia_auc_min_k": lambda e: e.area(min_k),
    "mia_auc_min_k_plus": lambda e: e.area(min_k_plus),
    "mia_auc_reference": lambda e: e.area(lambda e, name: e.means(name) - getattr(e.retrained, name).mean_log_prob),
    "privacy_leak": lambda e: text.privacy_leak(e.area(min_k), area(e.retrained, membership.min_k).value or 0.0),
}
BATCHES: dict[int, dict[tuple[str, str], list[Tokens]]] = {}


def sheet_named(asked: Questionnaire, name: str) -> Sheet:
    """A part or a further sheet."""
    return {**asked.parts, **asked.sheets}[name]


def batches_of(asked: Questionnaire) -> dict[tuple[str, str], list[Tokens]]:
    """Padded batches of every sheet and kind of answer, in the order of the data."""
    found = {}
    for name, sheet in {**asked.parts, **asked.sheets}.items():
        pairs: dict[str, list[tuple[str, str]]] = {"right": [], "paraphrase": [], "wrong": []}
        examples = sheet.examples
        for row, prompt in enumerate(examples.prompts):
            pairs["right"].append((prompt, examples.answers[row]))
            if sheet.paraphrased[row] and examples.paraphrases:
                pairs["paraphrase"].append((prompt, examples.paraphrases[row]))
            if len(sheet.questions[row].answers) > 1 and examples.perturbed:
                pairs["wrong"] += [(prompt, wrong) for wrong in examples.perturbed[row]]
        for kind, some in pairs.items():
            cut = [some[begin : begin + BATCH] for begin in range(0, len(some), BATCH)]
            found[name, kind] = [asked.inputs.encode([p for p, _ in few], [a for _, a in few]) for few in cut]
    return found


@dataclass(frozen=True)
class Bench:
    """Model, data and questions."""

    folder: Any = DATA / "weights" / "tofu_llama_5m_full"

    @cached_property
    def inputs(self) -> TextInputs:
        """TOFU, its sheets cut."""
        data = load_text(f"tofu:{DATA / 'tofu'}")
        cut = {name: sheet.taken(np.arange(SHEET)) for name, sheet in data.sheets.items()}
        return TextInputs(replace(data, sheets=cut), AutoTokenizer.from_pretrained(self.folder), Template(), 512)

    @cached_property
    def asked(self) -> Questionnaire:
        """The full suite on forget01."""
        train, test = len(self.inputs.data.train), len(self.inputs.data.test)
        splits = Splits(
            np.arange(train - FORGET, train), np.arange(RETAIN), np.arange(test - FORGET, test), np.empty(0, np.int64),
            Holdout("train", np.arange(1000, 1000 + FORGET)), self.inputs.data.digest,
        )  # fmt: skip
        return prepare(self.inputs, splits, "full")

    @cached_property
    def memorised(self) -> nn.Module:
        """The model that knows TOFU by heart."""
        model: nn.Module = AutoModelForCausalLM.from_pretrained(self.folder, dtype=torch.float32).eval()
        return model

    def damaged(self, seed: int) -> nn.Module:
        """The same with noise on its weights: it knows little, and its answers leave the right ones early."""
        model, generator = copy.deepcopy(self.memorised), torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 2:
                    parameter += 0.5 * parameter.std() * torch.randn(parameter.shape, generator=generator)
        return model


def timed(work: Callable[[], dict[str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    """What was found, and CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = work()
    return found, {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def ours(model: nn.Module, asked: Questionnaire, retrained: TextOutputs) -> dict[str, float]:
    """One pass, then every metric with its interval."""
    said = evaluate_text(TextContext(collect(model, asked, subject="model", digest="model"), None, (retrained,)), "full")
    return {m.name: m.value for m in said.measurements if m.value is not None}


def turn(model: nn.Module, asked: Questionnaire, retrained: TextOutputs) -> dict[str, dict[str, float]]:
    """Each evaluator once; numbers that differ stop the benchmark. ROUGE follows the length that may be written, so it may."""
    found, seconds = {}, {}
    ways: dict[str, Callable[[], dict[str, float]]] = {
        "ours": lambda: ours(model, asked, retrained),
        "shared": Straightforward(model, asked, retrained, True).measure,
        "strict": Straightforward(model, asked, retrained, False).measure,
    }
    for name, way in ways.items():
        found[name], seconds[name] = timed(way)
        say(f"{WORDS[name]}: {seconds[name]['cpu']:.1f} CPU seconds, {seconds[name]['wall']:.1f} in all")
    for name in METRICS:
        values = [found[way][name] for way in ways]
        if "rouge" not in name and "utility" not in name and max(values) - min(values) > 1e-3 * max(1.0, abs(values[0])):
            raise AssertionError(f"{name} differs: {values}")
    seconds["values"] = {name: found["ours"][name] for name in METRICS}
    return seconds


def main() -> None:
    """Take turns on a model that knows the answers and on one that does not."""
    bench = Bench()
    BATCHES[id(bench.asked)] = batches_of(bench.asked)
    models = {"memorised": bench.memorised, "damaged": bench.damaged(0)}
    # another one stands in for the retrained model, and warms up: beside itself a model differs by rounding alone
    retrained = collect(bench.damaged(1), bench.asked, subject="retrained", digest="another")
    turns = {name: [turn(model, bench.asked, retrained) for _ in range(TURNS)] for name, model in models.items()}
    rows = []
    for name, some in turns.items():
        for way in ("strict", "shared", "ours"):
            cpu, wall = (statistics.median(one[way][clock] for one in some) for clock in ("cpu", "wall"))
            ratios = [one[way]["cpu"] / one["ours"]["cpu"] for one in some]
            rows.append([f"{name}: {WORDS[way]}", f"{cpu:.1f}", f"{wall:.1f}", f"{statistics.median(ratios):.1f}"])
    note = (
        f"Median of {TURNS} turns, {torch.get_num_threads()} threads, float32, tokens made beforehand. Llama of 5.2 M numbers; "
        f"TOFU forget01: {FORGET} to forget, as many held out and in other wordings, {RETAIN} retained, two sheets of {SHEET}; "
        f"{len(METRICS)} metrics. Ours writes answers as long as the right ones, the others {WRITTEN} tokens at most."
    )
    write(
        "text-evaluation", "All metrics of text: one pass against one metric at a time (CPU seconds)", bench.inputs.data,
        ["", "CPU seconds", "wall seconds", "times ours"], rows, note, turns=turns, seeds=[0],
    )  # fmt: skip
