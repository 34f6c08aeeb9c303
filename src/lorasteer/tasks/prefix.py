"""Cut a frozen model in two, and run only the second part on what the first part said.

Everything before the first adapted module says the same thing at every step. A `Cut` names a module through whose input all
information flows; `record` keeps that input for some examples, and `replay` runs the model from there on. It works on any
`nn.Module`: while replaying, modules that ran before the boundary answer with tensors that have a shape but no numbers (torch's
meta device), so what lies between them costs nothing, and the boundary's input is replaced by what was remembered. That the cut
is right is not assumed but shown: each candidate is compared with the full forward pass before it is taken, and the next outer
module is tried where the two differ (a skip connection goes round the boundary).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils.hooks import RemovableHandle

from lorasteer.errors import PlanError, choices
from lorasteer.tasks.outputs import logits_of

Rows = list[Tensor]
Replay = Callable[[Rows], Tensor]
Answer = Callable[[Callable[[], Any], Rows], Any]
"""What a module answers while another stands in for it: from its own answer, not computed yet, and the batch's rows."""
WORTH_IT = 0.2  # smallest share of a forward pass (in multiply-adds) that a cut must save
TOO_WIDE = 64  # a remembered example may be this many times larger than its pixels as float32
WIDE_WORDS = 4096  # and hold this many numbers for each of its token ids: a hidden state and the mask
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Cut:
    """Where a model is cut.

    Args:
        boundary: Name of the module whose input is remembered; empty for a cut at the model's own input.
        before: Names of the modules that have spoken by then and are replaced while replaying.
        arguments: How the boundary is called: a tree whose tensor leaves with a batch dimension are slots for remembered rows.
        placeholders: For each name in `before`, its output's tree with shapes for leaves.
        saved: Share of the multiply-adds of a forward pass that lies before the cut.
        root: Name of the smallest module around the boundary, or the boundary itself, whose output is the model's logits; replays
            run it alone. Empty where only the whole model gives them.
        entry: How the root is called: slots where it is the boundary, else shapes.
    """

    boundary: str
    before: tuple[str, ...] = ()
    arguments: Any = None
    placeholders: Any = None
    saved: float = 0.0
    root: str = ""
    entry: Any = None


class _Slot:
    """Marks a place in a tree where remembered rows go."""


_ONE_ARGUMENT = pytree.tree_structure(((0,), {}))


class _Enough(Exception):  # noqa: N818 - ends a forward pass early, not an error
    pass


def find_cut(model: nn.Module, layers: Sequence[str], probe: Tensor, *, worth_it: float = WORTH_IT) -> Cut:
    """The deepest cut before all of `layers` that is right, and pays.

    Args:
        model: A frozen model in evaluation mode; left as it was.
        layers: Names of the modules that will be adapted; none means that only outputs are wanted, which needs no cut.
        probe: Model input of at least three examples: images, float, shape [n, channels, height, width], or token ids,
            int64, shape [n, length].
        worth_it: Smallest share of the multiply-adds that must lie before the cut.

    Returns:
        The cut; its boundary is empty where no cut pays.

    Raises:
        PlanError: A layer is no module of the model, or never runs.
    """
    modules = dict(model.named_modules())
    for layer in layers:
        if layer not in modules:
            raise PlanError(f"layer {layer!r} is no module of this model. {choices(layer, [name for name in modules if name])}")
    trace = _trace(model, probe)
    ran = [name for name in trace.order if name in set(layers)]
    if not layers:
        return Cut("")
    if not ran:
        raise PlanError(f"none of the layers {list(layers)} runs in a forward pass; choose layers the model uses.")
    name = ran[0]
    while name:
        for root in (_root_of(name, trace), ""):
            cut = _cut_at(name, root, trace, probe)
            if cut is not None and cut.saved >= worth_it and _is_right(model, cut, probe):
                return cut
        name = name.rpartition(".")[0]
    return Cut("")


@dataclass
class _Trace:
    order: list[str]
    calls: dict[str, int]
    done_before: dict[str, dict[str, int]]
    outputs: dict[str, Any]
    inputs: dict[str, tuple[Any, Any]]
    work: dict[str, int]
    logits: Tensor | None = None


def _trace(model: nn.Module, probe: Tensor) -> _Trace:
    """One forward pass with a record of who runs when, what it gets and gives, and how many multiply-adds it does."""
    trace = _Trace([], {}, {}, {}, {}, {})
    handles: list[RemovableHandle] = []
    spoken: dict[str, int] = {}

    def enter(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
            trace.order.append(name)
            trace.calls[name] = trace.calls.get(name, 0) + 1
            trace.done_before.setdefault(name, dict(spoken))
            trace.inputs[name] = (args, kwargs)

        return hook

    def leave(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            trace.outputs[name] = output
            spoken[name] = spoken.get(name, 0) + 1
            trace.work[name] = _multiply_adds(module, output)

        return hook

    for name, module in model.named_modules():
        if name:
            handles.append(module.register_forward_pre_hook(enter(name), with_kwargs=True))
            handles.append(module.register_forward_hook(leave(name)))
    try:
        with torch.no_grad():
            trace.logits = logits_of(model(probe))
    finally:
        for handle in handles:
            handle.remove()
    return trace


def _multiply_adds(module: nn.Module, output: Any) -> int:
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor) or not isinstance(output, Tensor) or weight.dim() < 2:
        return 0
    places = output.numel() if weight.dim() == 2 else output[:, 0].numel() * weight.shape[0]
    return places * weight[0].numel()


def _root_of(boundary: str, trace: _Trace) -> str:
    """The smallest module around the boundary whose output is the logits themselves, not a copy or a part of an answer."""
    around = (name for name in trace.order if boundary == name or boundary.startswith(name + "."))
    said = [name for name in around if trace.outputs[name] is trace.logits and trace.calls[name] == 1]
    return max(said, key=len, default="")


def _cut_at(name: str, root: str, trace: _Trace, probe: Tensor) -> Cut | None:
    if trace.calls.get(name) != 1:
        return None
    # a module that speaks again later (one activation used in several places) must not be replaced
    over = (other for other, calls in trace.done_before[name].items() if calls == trace.calls[other])
    done = [other for other in over if not name.startswith(other + ".")]
    outermost = (other for other in done if not any(other.startswith(outer + ".") for outer in done))
    before = tuple(other for other in outermost if not root or other.startswith(root + "."))
    batch = len(probe)
    arguments = pytree.tree_map(lambda leaf: _Slot() if _is_row(leaf, batch) else leaf, trace.inputs[name])
    rows = [leaf for leaf in pytree.tree_leaves(trace.inputs[name]) if _is_row(leaf, batch)]
    most = (TOO_WIDE if probe.is_floating_point() else WIDE_WORDS) * probe.numel()
    if not rows or sum(row.numel() for row in rows) > most:
        return None
    outputs = [pytree.tree_map(lambda leaf: _placeholder(leaf, batch), trace.outputs[other]) for other in before]
    total = max(1, sum(trace.work.values()))
    saved = sum(trace.work.get(other, 0) for other in trace.done_before[name]) / total
    entry = pytree.tree_map(lambda leaf: _placeholder(leaf, batch), trace.inputs[root]) if root else None
    return Cut(name, before, arguments, outputs, saved, root, arguments if root == name else entry)


def _is_row(leaf: Any, batch: int) -> bool:
    return isinstance(leaf, Tensor) and leaf.dim() > 0 and leaf.shape[0] == batch


@dataclass(frozen=True)
class _Shape:
    """A placeholder leaf: a tensor without numbers, for any batch size."""

    rest: tuple[int, ...]
    dtype: torch.dtype

    def expand(self, batch: int) -> Tensor:
        return torch.empty(batch, *self.rest, dtype=self.dtype, device="meta")


def _placeholder(leaf: Any, batch: int) -> Any:
    return _Shape(tuple(leaf.shape[1:]), leaf.dtype) if _is_row(leaf, batch) else leaf


def _is_right(model: nn.Module, cut: Cut, probe: Tensor) -> bool:
    """Whether replaying equals the full forward, also for another batch size than the one that was traced."""
    fewer = probe[:-1]
    with torch.no_grad():
        wanted = logits_of(model(fewer))
        rows = record(model, cut, fewer)
        try:
            with replay(model, cut, probe.shape[1:]) as run:
                given = run(rows)
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError, NotImplementedError):
            return False  # information goes round the boundary, or placeholders cannot stand for it
    if given.device != wanted.device:
        return False
    return given.shape == wanted.shape and bool(torch.allclose(given, wanted, rtol=TOLERANCE, atol=TOLERANCE))


def record(model: nn.Module, cut: Cut, inputs: Tensor) -> Rows:
    """What the first part says about these inputs: the boundary's row arguments, each of shape [n, ...].

    The model may carry adapters behind the boundary. It is left without hooks.
    """
    if not cut.boundary:
        return [inputs]
    kept: Rows = []

    def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
        leaves, slots = pytree.tree_leaves((args, kwargs)), pytree.tree_leaves(cut.arguments)
        kept.extend(leaf.detach() for leaf, slot in zip(leaves, slots, strict=True) if isinstance(slot, _Slot))
        raise _Enough

    handle = model.get_submodule(cut.boundary).register_forward_pre_hook(hook, with_kwargs=True)
    try:
        with torch.no_grad():
            model(inputs)
    except _Enough:
        pass
    finally:
        handle.remove()
    return kept


@contextlib.contextmanager
def replay(model: nn.Module, cut: Cut, shape: Sequence[int], *, known: str = "") -> Iterator[Replay]:
    """A function from remembered rows to logits that runs only the second part of `model`.

    Args:
        model: The base or a view of it, adapted at or behind the boundary. Hooks and replaced forwards are gone afterwards.
        cut: Where it was cut.
        shape: Shape of one input, [channels, height, width].
        known: Name of a module whose answer may come with the rows, behind those of the boundary, and is then not computed.
    """
    if not cut.boundary:
        yield lambda rows: logits_of(model(rows[0]))
        return
    pending: list[Rows] = []
    arguments = _filler(cut.arguments)
    root = model.get_submodule(cut.root)
    enter = _filler(cut.entry) if cut.root else lambda rows: ((torch.empty(len(rows[0]), *shape, device="meta"),), {})

    def run(rows: Rows) -> Tensor:
        pending.append(rows)
        try:
            args, kwargs = enter(rows)
            return logits_of(root(*args, **kwargs))
        finally:
            pending.pop()

    with contextlib.ExitStack() as stack:
        for name, tree in zip(cut.before, cut.placeholders, strict=True):
            stack.enter_context(_stand_in(model.get_submodule(name), _regardless(_filler(tree)), pending))
        if known:
            stack.enter_context(_stand_in(model.get_submodule(known), _recalled(cut), pending))
        if cut.root != cut.boundary:
            boundary = model.get_submodule(cut.boundary)
            handle = boundary.register_forward_pre_hook(lambda *_: arguments(pending[-1]), with_kwargs=True)
            stack.callback(handle.remove)
        yield run


def _filler(tree: Any) -> Callable[[Rows], Any]:
    """A function that puts rows into the slots of a tree, and gives its shapes the rows' number of examples."""
    leaves, structure = pytree.tree_flatten(tree)
    if structure == _ONE_ARGUMENT and isinstance(leaves[0], _Slot):
        return lambda rows: ((rows[0],), {})  # the usual case, at every step: not worth a walk through a tree

    def fill(rows: Rows) -> Any:
        left = iter(rows)
        filled = [next(left) if isinstance(leaf, _Slot) else _sized(leaf, len(rows[0])) for leaf in leaves]
        return pytree.tree_unflatten(filled, structure)

    return fill


def _sized(leaf: Any, batch: int) -> Any:
    return leaf.expand(batch) if isinstance(leaf, _Shape) else leaf


def _regardless(filler: Callable[[Rows], Any]) -> Answer:
    return lambda own, rows: filler(rows)


def _recalled(cut: Cut) -> Answer:
    """What came with the rows, where something did."""
    slots = sum(isinstance(leaf, _Slot) for leaf in pytree.tree_leaves(cut.arguments))
    return lambda own, rows: rows[-1] if len(rows) > slots else own()


@contextlib.contextmanager
def _stand_in(module: nn.Module, answer: Answer, pending: list[Rows]) -> Iterator[None]:
    """While the block runs, the module answers by the pending batch's rows: with placeholders of its size, or with a row."""
    own = module.__dict__.get("forward")
    usual = module.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        return answer(lambda: usual(*args, **kwargs), pending[-1])

    # set on the instance, past nn.Module's own bookkeeping: the class's forward shows again once it is gone
    module.__dict__["forward"] = forward
    try:
        yield
    finally:
        del module.__dict__["forward"]
        if own is not None:
            module.__dict__["forward"] = own
