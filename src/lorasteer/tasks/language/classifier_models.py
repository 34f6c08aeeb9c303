"""Text classifiers by name, wrapped so that they take one table of token ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lorasteer.errors import PlanError, WeightsError
from lorasteer.registry import Registry
from lorasteer.tasks.language.models.hub import load_tokenizer
from lorasteer.tasks.language.models.llama import Context, byte_level_bpe
from lorasteer.tasks.outputs import logits_of
from lorasteer.tasks.pretrained import first_line, is_place, quiet, refuse_gaps, refuse_pickled_folder
from lorasteer.tasks.training import FitSettings
from lorasteer.tasks.vision.options import call_checked


class TextClassifier(nn.Module):
    """A sequence classifier of `transformers` that takes one table of token ids and makes its mask itself.

    Args:
        network: The `AutoModelForSequenceClassification`.
        pad_id: Token id that fills the padding for it; the mask hides it.
    """

    def __init__(self, network: nn.Module, pad_id: int) -> None:
        super().__init__()
        self.network, self.pad_id = network, pad_id
        config: Any = network.config
        config.pad_token_id = pad_id if config.pad_token_id is None else config.pad_token_id
        # a decoder's classifier reads the last real token; asked here, its head alone can be run on what is remembered of it
        self.reads_last = isinstance(getattr(network, "score", None), nn.Linear)
        self._wide = False
        self._wide = not self.reads_last and self._takes_wide_mask()

    def forward(self, ids: Tensor) -> Tensor:
        """Logits [batch, classes] of token ids [batch, length], negative where a text has ended."""
        real = ids >= 0
        words = torch.where(real, ids, self.pad_id).long()
        if not self.reads_last:
            return logits_of(self.network(input_ids=words, attention_mask=self._mask(real)))
        inner: Any = self.network
        states = inner.base_model(input_ids=words, attention_mask=real.long(), use_cache=False).last_hidden_state
        last = real.sum(1).clamp(min=1) - 1
        logits: Tensor = inner.score(states[torch.arange(len(last), device=last.device), last])
        return logits

    def _mask(self, real: Tensor) -> Tensor:
        """What hides the padding, ready made where the network takes it so.

        Then the network never looks at the numbers in it, and can be run on placeholders up to the block that is asked for.
        """
        if not self._wide:
            return real.long()
        hidden = torch.finfo(torch.float32).min
        return torch.zeros(real.shape, device=real.device).masked_fill(~real, hidden)[:, None, None]

    def _takes_wide_mask(self) -> bool:
        """Whether a mask of shape [batch, 1, 1, length] means the same to the network as one of shape [batch, length]."""
        ids = torch.tensor([[3, 4, 5, 6], [5, 4, -1, -1]])
        was, _ = self.training, self.eval()
        try:
            with torch.no_grad():
                wanted = self(ids)
                self._wide = True
                return bool(torch.allclose(self(ids), wanted, rtol=1e-5, atol=1e-6))
        except (RuntimeError, ValueError, IndexError, TypeError):
            return False
        finally:
            self._wide = False
            self.train(was)


Pair = tuple[nn.Module, Any]
TEXT_CLASSIFIERS: Registry[Callable[..., Pair]] = Registry(
    "text classifier",
    allowed_facts={"recognises": lambda name: False, "recipe": FitSettings()},
    required_facts=("params",),
)
"""Text classifiers by name. A factory takes `(classes, texts, *, options...)` and returns a network of `transformers` and its
tokenizer; facts as for language models."""


@TEXT_CLASSIFIERS.add(
    "bert-tiny", params="some 240,000, with a vocabulary of 2,048",
    recipe=FitSettings(epochs=4, batch_size=32, learning_rate=2e-3, schedule="one-cycle", precision="fp32"),
)  # fmt: skip
def bert_tiny(classes: int, texts: Sequence[str], *, context: Context = 128) -> Pair:
    """A BERT of 2 layers, width 64, 4 heads, and a byte-level BPE of 2,048 tokens made from the data.

    Args:
        classes: Number of classes.
        texts: What the vocabulary is made from.
        context: Tokens it can read at once.
    """
    from transformers import BertConfig, BertForSequenceClassification

    configure: Any = BertConfig
    tokenizer = byte_level_bpe(texts, 2048, context)
    config = configure(
        vocab_size=2048, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
        max_position_embeddings=context, num_labels=classes, pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    return BertForSequenceClassification(config), tokenizer


@TEXT_CLASSIFIERS.add(
    "hub", params="whatever the folder holds", recognises=is_place,
    recipe=FitSettings(epochs=3, batch_size=16, learning_rate=3e-5, schedule="one-cycle", clip_norm=1.0),
)  # fmt: skip
def hub(classes: int, texts: Sequence[str], *, location: str, new_head: bool = False) -> Pair:
    """Any AutoModelForSequenceClassification with its tokenizer, from a folder or a hub id, weights as safetensors.

    Args:
        classes: Number of classes of the data; must equal that of the model unless `new_head`.
        texts: Not used; the vocabulary is the tokenizer's.
        location: Folder or hub id.
        new_head: Replace a classifier made for other classes, or add one to a model without, untrained.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification

    load: Any = AutoModelForSequenceClassification.from_pretrained
    refuse_pickled_folder(Path(location))
    try:
        labels = AutoConfig.from_pretrained(location).num_labels
        if labels != classes and not new_head:
            raise PlanError(
                f"model {location!r} has {labels} classes, the data has {classes}. "
                "Choose data with its classes, or give new_head=true for an untrained classifier."
            )
        with quiet():
            model, notes = load(
                location, num_labels=classes, ignore_mismatched_sizes=new_head, use_safetensors=True, output_loading_info=True,
                dtype=torch.float32,
            )  # fmt: skip
    except PlanError:
        raise
    except Exception as error:  # transformers, safetensors and huggingface_hub share no base class
        raise WeightsError(
            f"text classifier {location!r} cannot be loaded: {first_line(error)}. Give a folder with config.json, "
            "model.safetensors and tokenizer.json, as save_pretrained writes it, or the id of a text classifier and a connection."
        ) from error
    refuse_gaps(location, notes, new_head)
    return model, load_tokenizer(location)


def make_classifier(name: str, classes: int, texts: Sequence[str], **options: Any) -> tuple[TextClassifier, Any]:
    """Make or load a text classifier, wrapped, and its tokenizer; initial weights come from torch's global generator.

    Args:
        name: A registered one (`TEXT_CLASSIFIERS`), or a folder or hub id.
        classes: Number of classes.
        texts: Training texts, for one that makes its own vocabulary.
        **options: Options of the factory.

    Raises:
        PlanError: Name or option are unknown, or the classes differ.
        WeightsError: The model cannot be loaded.
    """
    entry, place = _entry_of(name)
    options = {"location": place, **options} if place else options
    factory = TEXT_CLASSIFIERS[entry].factory
    network, tokenizer = call_checked(factory, (classes, texts), options, what=f"text classifier {name!r}", error=PlanError)
    return wrapped(network, tokenizer), tokenizer


def classifier_recipe_for(name: str) -> FitSettings:
    """Settings to train a text classifier by where nobody gives others.

    Raises:
        PlanError: The name is unknown.
    """
    recipe: FitSettings = TEXT_CLASSIFIERS[_entry_of(name)[0]]["recipe"]
    return recipe


def _entry_of(name: str) -> tuple[str, str]:
    """Registered entry, and where it shall look; empty for one that makes its network."""
    place = name.removeprefix("hub:")
    elsewhere = place != name or (name not in TEXT_CLASSIFIERS and is_place(name))
    return ("hub", place) if elsewhere else (name, "")


def wrapped(network: nn.Module, tokenizer: Any) -> TextClassifier:
    """A network of `transformers` as the pipeline takes it."""
    own = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    return TextClassifier(network, int(next(token for token in own if token is not None)))
