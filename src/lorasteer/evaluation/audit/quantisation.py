"""Quantisation: does the target come back when the merged weights are rounded to few bits?

An update smaller than half a step of the grid leaves the rounded weight where the base's was, so rounding can undo unlearning
(arXiv:2410.16454). The change is merged first; rounding the base under an adapter is not the attack. Weights of linear and
convolutional layers are rounded to the nearest of 2^bits - 1 even steps, scaled by the largest value of each output channel
(`int8`, `int4`), or to the sixteen values of a normal distribution, scaled by the largest of each block of 64 (`nf4`,
arXiv:2305.14314). Beside the result stands the share of weights whose code differs from the base's: where few do, rounding is
likely to undo the change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from lorasteer.evaluation.audit.recovery import JUDGED, Judge, Judging, meaning, share
from lorasteer.evaluation.audit.registry import ATTACKS, Finding
from lorasteer.evaluation.audit.subject import CommonGround, Ground, Subject
from lorasteer.evaluation.audit.weights import altered, difference, matrices
from lorasteer.records import Measurement, Settings
from lorasteer.records.audit import AuditCurve

Grid = Literal["int8", "int4", "nf4"]
BLOCK = 64
NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
"""Sixteen values with equal probability mass of a normal distribution between them, zero among them; as QLoRA's code has them."""


class QuantiseSettings(Settings):
    """Settings of the quantisation attack."""

    grids: Annotated[tuple[Grid, ...], Field(min_length=1)] = ("int8", "int4", "nf4")
    """Grids to round to."""


def rounded(weight: Float[Tensor, "out ..."], bits: int) -> tuple[Int[Tensor, "out ..."], Float[Tensor, "out ..."]]:
    """Round to nearest, scaled for each output channel by its largest value.

    Args:
        weight: Weight of a layer; the first dimension is the output channel.
        bits: Bits of a code, 2 to 8.

    Returns:
        Codes from -(2^(bits - 1) - 1) to 2^(bits - 1) - 1, and the weights they stand for.

    Example:
        >>> codes, values = rounded(torch.tensor([[0.7, -0.26, 0.04]]), 4)  # a step is 0.7 / 7 = 0.1
        >>> codes.tolist(), [round(value, 3) for value in values[0].tolist()]
        ([[7, -3, 0]], [0.7, -0.3, 0.0])
    """
    top = 2 ** (bits - 1) - 1
    scale = weight.flatten(1).abs().amax(1).clamp(min=1e-30).reshape(-1, *[1] * (weight.dim() - 1)) / top
    codes = (weight / scale).round().clamp(-top, top)
    return codes.to(torch.int16), codes * scale


def normal_float(weight: Float[Tensor, ...]) -> tuple[Int[Tensor, ...], Float[Tensor, ...]]:
    """Round to the nearest of the sixteen NF4 values, scaled for each block of 64 by its largest value.

    Returns:
        Codes 0 to 15, and the weights they stand for.

    Example:
        >>> codes, values = normal_float(torch.tensor([[2.0, 0.1, -1.0]]))
        >>> codes.tolist(), [round(value, 3) for value in values[0].tolist()]  # over 2: 1, 0.05, -0.5
        ([[15, 8, 2]], [2.0, 0.159, -1.05])
    """
    flat = weight.reshape(-1)
    blocks = torch.nn.functional.pad(flat, (0, -len(flat) % BLOCK)).reshape(-1, BLOCK)
    scale = blocks.abs().amax(1, keepdim=True).clamp(min=1e-30)
    values = torch.tensor(NF4, dtype=weight.dtype, device=weight.device)
    codes = torch.bucketize(blocks / scale, (values[1:] + values[:-1]) / 2)
    back = (values[codes] * scale).reshape(-1)[: len(flat)].reshape(weight.shape)
    return codes.reshape(-1)[: len(flat)].reshape(weight.shape).to(torch.int16), back


GRIDS: dict[Grid, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    "int8": lambda weight: rounded(weight, 8),
    "int4": lambda weight: rounded(weight, 4),
    "nf4": normal_float,
}


def _cost(ground: Ground) -> float:
    return ground.forward_seconds * 2 * JUDGED * (len(GRIDS) + 1)


@ATTACKS.add(
    "quantise", kind="quantisation", cost=_cost, settings=QuantiseSettings, suite=frozenset({"quick", "full"}), order=40
)  # fmt: skip
def quantise(ground: Ground, subject: Subject, settings: QuantiseSettings) -> Finding:
    """Round the merged weights to few bits and ask again."""
    return quantised(Judge.on(ground), ground, subject, settings)


def quantised(judge: Judging, ground: CommonGround, subject: Subject, settings: QuantiseSettings) -> Finding:
    """What is known after rounding, and which codes differ from the base's, layer by layer.

    Args:
        judge: Judges the rounded copies.
        ground: Where the base comes from.
        subject: Left bit-identical.
        settings: Grids to round to.
    """
    before = judge.known(subject)
    moved = difference(ground, subject)
    weights, base = matrices(subject.network), matrices(ground.base.model)
    touched = [name for name in weights if name in moved]
    measurements: list[Measurement] = [share("unrounded_forget_accuracy", before.forget, judge.size, note=f"mean {judge.word}")]
    curves = []
    for grid in settings.grids:
        mine = {name: GRIDS[grid](weight) for name, weight in weights.items()}
        score = judge.tried(altered(subject.network, {name: values for name, (_, values) in mine.items()}))
        codes = {name: (mine[name][0] != GRIDS[grid](base[name])[0]) for name in touched}
        measurements += [
            share(f"{grid}_forget_accuracy", score.forget, judge.size, note=f"retain {score.retain:.3f}"),
            share(f"{grid}_regained", max(0.0, score.recovered - before.recovered), judge.size, better="lower"),
            _moved_codes(grid, codes),
        ]
        curves += _by_layer(grid, codes)
    return Finding(tuple(measurements), tuple(curves), judge.size, meaning(judge))


def _moved_codes(grid: str, codes: dict[str, Tensor]) -> Measurement:
    total = sum(changed.numel() for changed in codes.values())
    name = f"{grid}_codes_changed"
    if not total:
        return share(name, None, 0, better="none", note="no weight matrix differs from the base's")
    return share(name, sum(int(changed.sum()) for changed in codes.values()) / total, total, better="none", note=_LAYERS)


_LAYERS = "of the layers that differ from the base"


def _by_layer(grid: str, codes: dict[str, Tensor]) -> list[AuditCurve]:
    if not codes:
        return []
    y = tuple(changed.double().mean().item() for changed in codes.values())
    ticks = tuple(name.removesuffix(".weight") for name in codes)
    x = tuple(map(float, range(len(y))))
    return [AuditCurve(label=f"codes changed, {grid}", x=x, y=y, x_label="layer", y_label="share of weights", ticks=ticks)]
