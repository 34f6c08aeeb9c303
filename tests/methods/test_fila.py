"""FILA as an initialiser: nothing changes at the start, the base is not written to, and what is kept is an ordinary LoRA."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from lorasteer.changes import load_change, save_change
from lorasteer.errors import PlanError
from lorasteer.methods import Course, Start
from lorasteer.methods.fila import capped_ranks, first_pairs, split, weight_of
from lorasteer.methods.settings import TextAdapterSettings
from lorasteer.methods.starting import obstacle
from lorasteer.methods.text_learner import wrapped_view
from lorasteer.methods.text_pools import make_text_pools
from lorasteer.methods.text_source import Source
from lorasteer.tasks.base import weights_digest
from tests.methods.test_text_procedure import QUICK, numbers, trained
from tests.support.errors import refuses
from tests.support.tiny_text import tiny_base, tiny_material, tiny_plan

LAYERS = ("model.layers.1.self_attn.k_proj", "model.layers.2.mlp.up_proj")


def said(model: torch.nn.Module) -> torch.Tensor:
    """Logits of a model on the whole tiny task."""
    tokens = tiny_material().inputs.tokens("train", np.arange(48))
    network = tiny_material().network(model)
    with torch.no_grad():
        return network.logits(network.hidden(tokens))


def test_at_the_start_it_answers_as_the_base() -> None:
    base = tiny_base()
    model = trained(init="fila", epochs=0).apply(base)

    assert torch.allclose(said(model), said(base.model), atol=1e-4)


def test_what_is_kept_is_the_trained_model_on_the_untouched_base(tmp_path: object) -> None:
    """The model that was trained, residual and all, beside the adapter of twice the rank on the base."""
    base, before, caught = tiny_base(), weights_digest(tiny_base().model), []
    with pytest.MonkeyPatch.context() as patch:
        from lorasteer.methods import fila

        wrap = fila.wrapped_view
        patch.setattr(fila, "wrapped_view", lambda *args, **more: caught.append(wrap(*args, **more)) or caught[-1])
        change = trained(init="fila", learning_rate=1e-2)
    trained_model = caught[0].eval()

    assert (said(trained_model) - said(base.model)).abs().max() > 0.5
    assert torch.allclose(said(change.apply(base)), said(trained_model), atol=2e-4)
    assert torch.allclose(said(change.merged(base)), said(trained_model), atol=2e-4)
    assert change.config["r"] == 2 * QUICK["rank"]  # type: ignore[attr-defined]
    assert weights_digest(base.model) == before
    assert torch.equal(said(change.apply(base, strength=0)), said(base.model))
    again = load_change(save_change(change, tmp_path / "change"), base)  # type: ignore[operator]
    assert torch.equal(said(again.apply(base)), said(change.apply(base)))


def test_small_layers_get_a_quarter_of_their_side() -> None:
    ranks = capped_ranks(tiny_base().model, LAYERS, 16)
    assert ranks == {LAYERS[0]: 4, LAYERS[1]: 8}  # 16 x 32 and 64 x 32

    change = trained(init="fila", rank=16, alpha=32.0, epochs=0, layers=LAYERS)
    assert [len(numbers(change)[f"base_model.model.{layer}.lora_A.weight"]) for layer in LAYERS] == [8, 16]
    assert torch.allclose(said(change.apply(tiny_base())), said(tiny_base().model), atol=1e-4)


def test_the_first_pair_holds_what_matters_for_the_forget_set() -> None:
    """Row by row, the pair is nearer to the weight where forget gradients are large beside retained ones."""
    material, settings = tiny_material(), TextAdapterSettings(rank=4, alpha=8, layers=(LAYERS[1],), init="fila")
    plan = tiny_plan()
    source, pools = Source(material, material.before(())), make_text_pools(material, plan, settings)
    wrapped = wrapped_view(material, plan, settings, (LAYERS[1],))
    adapted = {LAYERS[1]: wrapped.get_base_model().get_submodule(LAYERS[1])}
    pair = first_pairs(source, pools, plan, settings, adapted)[LAYERS[1]]

    from lorasteer.core.fila import relative_importance, row_weights
    from lorasteer.methods.importance import importance
    from lorasteer.methods.pools import retain_sample
    from lorasteer.methods.text_pools import TextPool

    weight = weight_of(adapted[LAYERS[1]])
    forget = importance(source, pools.forget, [LAYERS[1]], batch_size=settings.batch_size)[LAYERS[1]]
    sample, _ = retain_sample(material, settings.retain, plan.seed)
    retain = importance(source, TextPool.of("train", sample), [LAYERS[1]], batch_size=settings.batch_size)[LAYERS[1]]
    rows = row_weights(relative_importance(forget, retain))
    weighted = ((weight - 2.0 * pair.up @ pair.down) * rows[:, None]).norm()
    best = torch.linalg.svdvals(weight * rows[:, None])[4:].norm()
    assert weighted.item() == pytest.approx(best.item(), rel=1e-3)


def test_an_adapter_taken_apart_is_the_two_it_was_made_of() -> None:
    change = trained(init="fila", layers=LAYERS)
    pairs, firsts = split(numbers(change), LAYERS)
    start = trained(init="fila", layers=LAYERS, epochs=0)
    untrained, same = split(numbers(start), LAYERS)

    for layer in LAYERS:
        assert torch.equal(firsts[layer].down, same[layer].down)
        assert torch.equal(firsts[layer].up, same[layer].up)
        assert torch.equal(untrained[layer].up, same[layer].up)
        assert not torch.equal(pairs[layer].up, firsts[layer].up)


def test_it_goes_on_from_a_change_that_was_turned_down() -> None:
    """Without the state of training, from what the adapter says at its own strength."""
    half = trained(init="fila").at(0.5)
    on = trained(init="fila", epochs=0, course=Course(start=Start(half)))

    assert torch.allclose(said(on.apply(tiny_base())), said(half.apply(tiny_base())), atol=1e-4)


def test_only_an_adapter_of_its_own_kind_is_gone_on_from() -> None:
    fila, zero = (TextAdapterSettings.model_validate({**QUICK, "init": init}) for init in ("fila", "zero"))
    change = trained(init="fila", epochs=0)

    assert obstacle(fila, change, tiny_base()) == ""
    assert "rank 8" in obstacle(zero, change, tiny_base())
    assert "rank 4" in obstacle(fila, trained(epochs=0), tiny_base())


def test_what_it_cannot_do_is_refused() -> None:
    with refuses(PlanError, "retain 0"):
        trained(init="fila", retain=0)
    with pytest.raises(ValidationError, match="dropout 0"):
        TextAdapterSettings(init="fila", dropout=0.1)
