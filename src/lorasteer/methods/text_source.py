"""Text examples as a training reads them: tokens, the remembered states they start from, and what the base says to them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lorasteer.methods.text_pools import TextSample
from lorasteer.methods.tokens import Alternatives, TokenBatch
from lorasteer.tasks.language.inputs import IGNORED, Tokens
from lorasteer.tasks.language.lengths import of_alike_lengths
from lorasteer.tasks.language.material import TextMaterial
from lorasteer.tasks.language.memory import TextActivations
from lorasteer.tasks.language.network import Network
from lorasteer.tasks.splits import Index, Part

Wording = Literal["refusal", "perturbed", "paraphrase"]


@dataclass(frozen=True)
class Text:
    """Some examples, ready for a forward pass.

    Args:
        tokens: Their tokens.
        states: What enters the first block that runs, shape [batch, length, d]; None where the pass begins at the tokens.
        reference: What the base says where it predicts answer tokens, shape [n, d]; None where nobody asks.
    """

    tokens: Tokens
    states: Tensor | None = None
    reference: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass
class Kept:
    """Tensors by key, each made when first asked for."""

    rows: dict[Hashable, Tensor] = field(default_factory=dict)

    def take(self, keys: Sequence[Hashable], make: Callable[[list[int]], Sequence[Tensor]]) -> list[Tensor]:
        """The tensors of these keys; `make` is given the places in `keys` of those that are missing."""
        missing = {key: place for place, key in enumerate(keys) if key not in self.rows}
        if missing:
            self.rows |= zip(missing, make(list(missing.values())), strict=True)
        return [self.rows[key] for key in keys]


class Written(NamedTuple):
    """One other answer to a training example's question: of which kind, to which question, the how manieth."""

    kind: Wording
    position: int
    number: int


@dataclass(frozen=True)
class Source:
    """Reads examples of one material for a training that begins at one block.

    Args:
        material: Base, data and splits.
        activations: What is remembered before the first block that may differ from the base.
        layer: Block at which the base is asked; None for what the head reads.
        alternatives: Which other answers forget examples get.
    """

    material: TextMaterial
    activations: TextActivations
    layer: int | None = None
    alternatives: Alternatives = "none"
    _references: Kept = field(default_factory=Kept)
    _encodings: dict[Written, Tokens] = field(default_factory=dict)
    _states: Kept = field(default_factory=Kept)

    @property
    def depth(self) -> int:
        """Number of the block that forward passes begin with; 0 begins at the tokens."""
        return self.activations.depth

    def read(self, sample: TextSample, *, reference: bool = True) -> Text:
        """Examples of the data, with what the base says to them where that is asked for."""
        index, part = sample.index, sample.pool.part
        tokens = self.material.inputs.tokens(part, index)
        states = self.activations.states(part, index) if self.depth else None
        if not reference:
            return Text(tokens, states)
        if self.material.ground is None:
            return Text(tokens, states, self.material.memory.reference(part, index, layer=self.layer))
        keys: list[Hashable] = [(part, int(position)) for position in index]
        return Text(tokens, states, self._asked(keys, tokens, states))

    def warm(self, part: Part, index: Index, *, reference: bool) -> None:
        """Compute now what `read` would for these examples one step after the other.

        Args:
            part: Part the positions belong to.
            index: Positions, shape [n].
            reference: Whether what the base says is asked for.
        """
        if reference and self.material.ground is None:
            self.material.memory.warm(part, index, self.activations, layer=self.layer)
        elif self.depth:
            self.activations.warm(part, index)

    def other(self, sample: TextSample, *, reference: bool = True) -> Text:
        """The same questions with the other answer that was drawn for each."""
        assert sample.choice is not None
        kind: Wording = "refusal" if self.alternatives == "refusal" else "perturbed"
        pairs = zip(sample.index.tolist(), sample.choice.tolist(), strict=True)
        return self.written([Written(kind, position, number) for position, number in pairs], reference=reference)

    def counts(self) -> NDArray[np.int64] | None:
        """How many other answers there are to each forget example, shape [forget]; None where the method asks for none."""
        if self.alternatives == "none":
            return None
        kind: Wording = "refusal" if self.alternatives == "refusal" else "perturbed"
        return np.array([len(self.wordings(kind, int(position))) for position in self.material.splits.forget], np.int64)

    def wordings(self, kind: Wording, position: int) -> Sequence[str]:
        """The answers of one kind to a training example's question."""
        data = self.material.inputs.data
        if kind == "refusal":
            return data.refusals
        if kind == "paraphrase":
            own = data.train.paraphrases[position] if data.train.paraphrases is not None else ""
            return (own,) if own else ()
        return data.train.perturbed[position] if data.train.perturbed is not None else ()

    def written(self, keys: Sequence[Written], *, reference: bool = False) -> Text:
        """Questions of training examples with other answers than theirs, each encoded once."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._encodings]
        if missing:
            self._encodings.update(zip(missing, self._encoded(missing), strict=True))
        tokens = joined([self._encodings[key] for key in keys])
        states = self._before(keys, tokens) if self.depth else None
        return Text(tokens, states, self._asked(keys, tokens, states) if reference else None)

    def _encoded(self, keys: Sequence[Written]) -> list[Tokens]:
        prompts = [self.material.inputs.data.train.prompts[key.position] for key in keys]
        answers = [self.wordings(key.kind, key.position)[key.number] for key in keys]
        whole = self.material.inputs.encode(prompts, answers)
        return [whole.taken(torch.tensor([row])) for row in range(len(keys))]

    def _before(self, keys: Sequence[Hashable], tokens: Tokens) -> Tensor:
        """What enters the first block that runs, for texts that are not examples of the data."""

        def make(rows: list[int]) -> list[Tensor]:
            some = tokens.taken(torch.tensor(rows))
            with torch.no_grad():
                states = self.material.memory.network.hidden(some, layer=self.depth - 1)
            return [row[:length] for row, length in zip(states, some.lengths.tolist(), strict=True)]

        return padded(self._states.take(keys, make), tokens.ids.shape[1])

    def _asked(self, keys: Sequence[Hashable], tokens: Tokens, states: Tensor | None) -> Tensor:
        """What the model that the training stands on says, asked once for each key."""

        def make(rows: list[int]) -> list[Tensor]:
            some, network = tokens.taken(torch.tensor(rows)), self.material.network(self.material.standing.mirror)
            entering = None if states is None else states[rows, : some.ids.shape[1]]
            with torch.no_grad():
                said = network.at_targets(some, start=_start(self.depth, entering), layer=self.layer)
            return list(torch.split(said, target_counts(some)))

        return torch.cat(self._references.take(keys, make))


@dataclass(frozen=True)
class Asker:
    """Runs the model that learns on texts.

    Args:
        network: Of the model that learns.
        depth: Number of the block that passes begin with.
        layer: Block whose output is wanted; None for what the head reads.
        low: Type of autocast; None computes in the model's own type.
    """

    network: Network
    depth: int
    layer: int | None = None
    low: torch.dtype | None = None

    def hidden(self, texts: Sequence[Text]) -> list[Tensor]:
        """States where each text's answer tokens are predicted, [n, d] each.

        All go through the model together, those of about the same length in one forward pass.
        """
        tokens = joined([text.tokens for text in texts])
        states = [text.states for text in texts if text.states is not None]
        entering = torch.cat([lengthened(one, tokens.ids.shape[1]) for one in states]) if states else None
        groups = of_alike_lengths(tokens.lengths.tolist(), self.network.device)
        with self._lowered():
            said = torch.cat([self._said(tokens, entering, torch.from_numpy(group)) for group in groups])
        back = _back(np.concatenate(groups), np.asarray(target_counts(tokens), np.int64))
        said = said.index_select(0, back.to(said.device))
        return list(torch.split(said.float(), [sum(target_counts(text.tokens)) for text in texts]))

    def _said(self, tokens: Tokens, states: Tensor | None, rows: Tensor) -> Tensor:
        """What the model says to some of the sequences, row by row."""
        some = tokens.taken(rows)
        entering = None if states is None else states[rows.to(states.device), : some.ids.shape[1]]
        return self.network.at_targets(some, start=_start(self.depth, entering), layer=self.layer)

    def batch(self, text: Text, hidden: Tensor) -> TokenBatch:
        """What a loss sees of a text once the model has spoken; where the base was not asked, the reference is empty."""
        row, _, labels = text.tokens.targets
        device = hidden.device
        reference = hidden.new_zeros(0, hidden.shape[1]) if text.reference is None else text.reference.to(device).float()
        return TokenBatch(
            hidden, reference, labels.to(device), row.to(device), torch.arange(len(text), device=device),
            self.network.head_weight, self.network.head_bias,
        )  # fmt: skip

    @contextlib.contextmanager
    def _lowered(self) -> Iterator[None]:
        with torch.autocast(self.network.device.type, self.low or torch.bfloat16, enabled=self.low is not None):
            yield


def _start(depth: int, states: Tensor | None) -> tuple[int, Tensor] | None:
    return None if states is None else (depth, states)


def _back(order: Index, counts: Index) -> Tensor:
    """Where the tokens of sequence 0, then 1, ... lie once sequences were put in another order.

    Args:
        order: The sequences as they lie, shape [batch].
        counts: Tokens of each sequence, shape [batch].
    """
    begins = np.empty(len(order), np.int64)
    begins[order] = np.cumsum(counts[order]) - counts[order]
    inside = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return torch.from_numpy(np.repeat(begins, counts) + inside)


def target_counts(tokens: Tokens) -> list[int]:
    """How many answer tokens each example has."""
    counts: list[int] = (tokens.labels[:, 1:] != IGNORED).sum(1).tolist()
    return counts


def joined(parts: Sequence[Tokens]) -> Tokens:
    """Several batches as one, padded to the longest."""
    length = max(part.ids.shape[1] for part in parts)

    def wide(tables: list[Tensor], value: int) -> Tensor:
        return torch.cat([functional.pad(table, (0, length - table.shape[1]), value=value) for table in tables])

    return Tokens(
        wide([part.ids for part in parts], 0),
        wide([part.mask for part in parts], 0),
        wide([part.labels for part in parts], IGNORED),
    )


def lengthened(states: Tensor, length: int) -> Tensor:
    """States [batch, short, d] with zeros behind them, [batch, length, d]."""
    return functional.pad(states, (0, 0, 0, length - states.shape[1]))


def padded(rows: Sequence[Tensor], length: int) -> Tensor:
    """Rows [l, d] of several lengths as one table with zeros behind them, [batch, length, d]."""
    return torch.stack([functional.pad(row, (0, 0, 0, length - len(row))) for row in rows])
