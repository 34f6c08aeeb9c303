"""A causal language model seen as decoder and head: hidden states without logits, blocks that can be skipped.

It works on any `AutoModelForCausalLM`, with adapters or without. Sequences are padded on the right, so no real token can see
the padding, and no mask is needed; that this holds for a model, and that its logits are its head's answer to its last hidden
states, is tried once by `check_network`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from lorasteer.errors import PlanError, WeightsError
from lorasteer.tasks.language.feedforward import only_at
from lorasteer.tasks.language.inputs import Tokens
from lorasteer.tasks.outputs import logits_of

Start = tuple[int, Tensor]
"""Where a forward pass begins: a block's number, and the hidden states that enter it, [batch, length, width]."""
EXACT, CLOSE = 1e-5, 1e-3  # of the largest logit: for the same arithmetic, and for sequences of other lengths
_TUPLES: dict[type[nn.Module], bool] = {}


class _Enough(Exception):  # noqa: N818 - ends a forward pass early, not an error
    pass


def hidden_of(output: Any) -> Tensor:
    """Hidden states in a block's answer: some answer with the tensor, some with a tuple that begins with it."""
    states = output[0] if isinstance(output, tuple) else output
    assert isinstance(states, Tensor)
    return states


def with_hidden(output: Any, states: Tensor) -> Any:
    """A block's answer with other hidden states; the answer itself is not written to."""
    return (states, *output[1:]) if isinstance(output, tuple) else states


@dataclass(frozen=True)
class Network:
    """Decoder and head of a causal language model.

    Args:
        model: The model as it was given, adapters included.
        causal: The `AutoModelForCausalLM` inside.
        decoder: Embeddings, blocks and last norm.
        blocks: The blocks, in their order.
        blocks_name: Name of `blocks` in `causal`.
        head: The output embedding.
    """

    model: nn.Module
    causal: nn.Module
    decoder: nn.Module
    blocks: nn.ModuleList
    blocks_name: str
    head: nn.Module

    @classmethod
    def of(cls, model: nn.Module) -> Network:
        """Find the parts of a model.

        Raises:
            WeightsError: It is no causal language model of blocks with a linear head.
        """
        causal: nn.Module = getattr(model, "get_base_model", lambda: model)()
        head, decoder = _part(causal, "get_output_embeddings"), getattr(causal, "base_model", None)
        name = _blocks_name(causal)
        if not isinstance(head, nn.Linear) or not isinstance(decoder, nn.Module) or decoder is causal or not name:
            raise WeightsError(
                f"{type(causal).__name__} is no causal language model of blocks and a plain linear head, as needed here. "
                "Give a model of the kind AutoModelForCausalLM, and adapt layers of its blocks only."
            )
        blocks = causal.get_submodule(name)
        assert isinstance(blocks, nn.ModuleList)
        return cls(model, causal, decoder, blocks, name, head)

    @contextlib.contextmanager
    def learning_fast(self, *, bf16: bool) -> Iterator[None]:
        """While the block runs, attention goes the way that is fastest to learn through.

        On a CPU in bf16 the fused one's backward pass takes longer than separate products. Measured on the 5 million parameter
        Llama, 32 sequences of some 76 tokens, one core: 0.69 s a training step against 0.52.

        Args:
            bf16: Whether the blocks are computed in bf16.
        """
        causal: Any = self.causal
        if not bf16 or self.device.type != "cpu" or getattr(causal.config, "_attn_implementation", "") != "sdpa":
            yield
            return
        causal.set_attn_implementation("eager")
        try:
            yield
        finally:
            causal.set_attn_implementation("sdpa")

    @property
    def head_weight(self) -> Tensor:
        """Output embedding, shape [vocabulary, width]."""
        return self.head.get_parameter("weight")

    @property
    def head_bias(self) -> Tensor | None:
        """Bias of the head, shape [vocabulary]; most models have none."""
        bias = self.head.bias
        return bias if isinstance(bias, Tensor) else None

    @property
    def device(self) -> torch.device:
        """Where the model lies."""
        return self.head_weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Type of its numbers."""
        return self.head_weight.dtype

    @property
    def width(self) -> int:
        """Numbers in a hidden state."""
        return self.head_weight.shape[1]

    def hidden(self, tokens: Tokens, *, start: Start | None = None, layer: int | None = None) -> Tensor:
        """Hidden states of a batch.

        Args:
            tokens: The batch; moved to the model's device where it lies elsewhere.
            start: Block to begin with and the states that enter it; the blocks before it are not run. None begins at the tokens.
            layer: Block whose output is wanted; the last, normed states, which the head reads, where left out.

        Returns:
            Shape [batch, length, width]. At padding the numbers mean nothing.
        """
        ids = tokens.ids.to(self.device)
        with contextlib.ExitStack() as stack:
            if start is not None and start[0] > 0:
                stack.enter_context(self._begun(*start))
            if layer is None:
                states: Tensor = self.decoder(input_ids=ids, use_cache=False).last_hidden_state
                return states
            return self._output_of(layer, ids)

    def at_targets(self, tokens: Tokens, *, start: Start | None = None, layer: int | None = None) -> Tensor:
        """Hidden states where answer tokens are predicted, shape [n, width], in the order of `tokens.targets`.

        Places behind the last of them are not computed, nor what the last block's feed-forward part says elsewhere: no answer
        depends on it.
        """
        row, column, _ = tokens.targets
        length = int(column.max()) + 1 if len(column) else 1
        some = Tokens(tokens.ids[:, :length], tokens.mask[:, :length], tokens.labels[:, :length])
        begun = None if start is None else (start[0], start[1][:, :length])
        row, column = row.to(self.device), column.to(self.device)
        with only_at(self.blocks[-1], row * length + column, self.width) if layer is None else contextlib.nullcontext():
            states = self.hidden(some, start=begun, layer=layer)
        return states[row, column]

    def logits(self, hidden: Tensor) -> Tensor:
        """What the head says to hidden states [..., width]: shape [..., vocabulary]."""
        said: Tensor = self.head(hidden)
        return said

    def linear_layers(self) -> tuple[str, ...]:
        """Names, in the model without adapters, of all linear layers in the blocks that give more than a single number."""
        found = list[str]()
        for name, module in self.blocks.named_modules(prefix=self.blocks_name):
            plain = getattr(module, "base_layer", module)
            inside_adapter = any(name.startswith(f"{outer}.") for outer in found)
            if isinstance(plain, (nn.Linear, Conv1D)) and min(plain.weight.shape) > 1 and not inside_adapter:
                found.append(name)
        return tuple(found)

    def depth(self, layers: Sequence[str]) -> int:
        """Number of the first block that one of these layers changes; 0 where one lies before all blocks, or none is named.

        Args:
            layers: Names in the model without adapters.

        Raises:
            PlanError: A name is no module of the model.
        """
        return min((self._block_of(layer) for layer in layers), default=0)

    def _block_of(self, layer: str) -> int:
        inside = layer.removeprefix(f"{self.blocks_name}.")
        number = inside.partition(".")[0]
        if inside != layer and number.isdecimal() and int(number) < len(self.blocks):
            return int(number)
        try:
            self.causal.get_submodule(layer)
        except AttributeError as error:
            raise PlanError(
                f"layer {layer!r} is no module of this model; its blocks are {self.blocks_name}.0 and so on."
            ) from error
        return len(self.blocks) if self.causal.get_submodule(layer) is self.head and not self.tied else 0

    @property
    def tied(self) -> bool:
        """Whether the head's weight is the input embedding as well."""
        embedding = _part(self.causal, "get_input_embeddings")
        return embedding is not None and getattr(embedding, "weight", None) is self.head_weight

    @contextlib.contextmanager
    def _begun(self, depth: int, states: Tensor) -> Iterator[None]:
        """While the block runs, the blocks before `depth` answer with the remembered states instead of working."""
        states = states.to(self.device, self.dtype)
        answer: Any = (states,) if self._speak_tuples() else states
        before, own = self.blocks[:depth], [block.__dict__.get("forward") for block in self.blocks[:depth]]
        for block in before:
            block.__dict__["forward"] = lambda *args, **kwargs: answer
        try:
            yield
        finally:
            for block, forward in zip(before, own, strict=True):
                del block.__dict__["forward"]
                if forward is not None:
                    block.__dict__["forward"] = forward

    def _output_of(self, layer: int, ids: Tensor) -> Tensor:
        caught = list[Any]()

        def catch(module: nn.Module, args: Any, output: Any) -> None:
            caught.append(output)
            raise _Enough

        handle = self.blocks[layer].register_forward_hook(catch)
        try:
            self.decoder(input_ids=ids, use_cache=False)
        except _Enough:
            pass
        finally:
            handle.remove()
        _TUPLES[type(self.blocks[layer])] = isinstance(caught[0], tuple)
        return hidden_of(caught[0])

    def _speak_tuples(self) -> bool:
        """Whether blocks answer with a tuple; tried once for a kind of block."""
        kind = type(self.blocks[0])
        if kind not in _TUPLES:
            with torch.no_grad():
                self._output_of(0, torch.zeros(1, 1, dtype=torch.int64, device=self.device))
        return _TUPLES[kind]


def _part(causal: nn.Module, getter: str) -> Any:
    """What a getter of the model gives; None where the model has none or does not implement it."""
    try:
        return getattr(causal, getter, lambda: None)()
    except NotImplementedError:
        return None


def _blocks_name(causal: nn.Module) -> str:
    """Name of the outermost list of modules with as many entries as the configuration says there are layers."""
    config = getattr(causal, "config", None)
    wanted = getattr(config, "num_hidden_layers", None)
    lists = [name for name, module in causal.named_modules() if isinstance(module, nn.ModuleList) and len(module) == wanted]
    return min(lists, key=lambda name: name.count("."), default="")


def check_network(model: nn.Module) -> Network:
    """The parts of a model, after a trial that they say what the model says.

    Raises:
        WeightsError: Its logits are not those of the head (soft-capped or scaled), or a token sees the ones behind it.
    """
    network = Network.of(model)
    vocabulary = network.head_weight.shape[0]
    ids = (torch.arange(12, device=network.device).reshape(2, 6) * 7 + 3) % vocabulary
    tokens = Tokens(ids, torch.ones_like(ids), ids)
    shorter = Tokens(ids[:, :4], tokens.mask[:, :4], ids[:, :4])
    was, _ = model.training, model.eval()
    try:
        with torch.no_grad():
            wanted = logits_of(model(input_ids=ids, use_cache=False)).float()
            given, alone = (network.logits(network.hidden(some)).float() for some in (tokens, shorter))
    finally:
        model.train(was)
    largest = float(wanted.abs().max()) * (1 if network.dtype in (torch.float32, torch.float64) else 50)
    kind = type(network.causal).__name__
    if given.shape != wanted.shape or float((given - wanted).abs().max()) > EXACT * largest:
        raise WeightsError(
            f"the logits of {kind} are not its head's answer to its last hidden states (they are capped or scaled), which is "
            "needed here. Choose a model without soft-capping or scaling of its logits."
        )
    if float((alone - wanted[:, :4]).abs().max()) > CLOSE * largest:
        raise WeightsError(f"a token of {kind} sees the tokens behind it; only causal language models can be worked on here.")
    return network
