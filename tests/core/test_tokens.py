"""Statistics of tokens block by block against the plain formulas, forward and backward, and the memory they take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from lorasteer.core.losses import kl_to_reference
from lorasteer.core.tokens import (
    kl_to_reference_tokens,
    per_example,
    soft_cross_entropy,
    token_statistics,
    vocabulary_statistics,
)

ONE_BLOCK, SMALL = 2**25, 96  # bytes: everything at once; 24 scores in float32


def problem(n: int = 5, d: int = 4, words: int = 11, *, dtype: torch.dtype = torch.float32, seed: int = 0) -> dict[str, Tensor]:
    """Hidden states of a model and a reference, a head and labels; the label of the last token is the last word."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    labels = torch.randint(0, words, (n,), generator=generator)
    labels[-1:] = words - 1
    return {
        "hidden": 2 * normal(n, d),
        "reference": normal(n, d),
        "weight": normal(words, d),
        "bias": normal(words),
        "labels": labels,
    }


def plain_scores(at: dict[str, Tensor], *, biased: bool = True, of: str = "hidden") -> Tensor:
    made = at[of] @ at["weight"].T
    return made + at["bias"] if biased else made


def plain_statistics(at: dict[str, Tensor], biased: bool) -> tuple[Tensor, Tensor]:
    log_p = plain_scores(at, biased=biased).log_softmax(-1)
    own = at["labels"][:, None]
    return log_p.gather(1, own)[:, 0], log_p.scatter(1, own, -math.inf).amax(-1)


def plain_soft(at: dict[str, Tensor], penalty: float, biased: bool = True) -> Tensor:
    target = plain_scores(at, biased=biased, of="reference").detach()
    target = target - penalty * torch.nn.functional.one_hot(at["labels"], target.shape[1])
    return -(target.softmax(-1) * plain_scores(at, biased=biased).log_softmax(-1)).sum(-1)


def slopes(value: Tensor, at: dict[str, Tensor], names: tuple[str, ...]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(value, [at[name] for name in names])


def free(at: dict[str, Tensor], *names: str) -> dict[str, Tensor]:
    return {name: part.clone().requires_grad_(name in names) for name, part in at.items()}


def test_statistics_worked_by_hand() -> None:
    """P = (.7, .2, .1): the rival of word 0 is word 1, those of words 1 and 2 are word 0."""
    weight = torch.tensor([[0.7], [0.2], [0.1]]).log()
    told = token_statistics(torch.ones(3, 1), weight, None, torch.tensor([0, 1, 2]))
    assert told.log_prob.exp().tolist() == pytest.approx([0.7, 0.2, 0.1])
    assert told.rival_log_prob.exp().tolist() == pytest.approx([0.2, 0.7, 0.7])
    assert told.rival.tolist() == [1, 0, 0]


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("chunk", [1, SMALL, 1000, ONE_BLOCK])
@settings(max_examples=25)
@given(n=st.integers(1, 7), words=st.integers(2, 30), seed=st.integers(0, 10**6))
def test_statistics_are_the_plain_formulas_forward_and_backward(biased: bool, chunk: int, n: int, words: int, seed: int) -> None:
    names = ("hidden", "weight", "bias") if biased else ("hidden", "weight")
    at = free(problem(n, 4, words, seed=seed), *names)
    told = token_statistics(at["hidden"], at["weight"], at["bias"] if biased else None, at["labels"], chunk=chunk)
    wanted = plain_statistics(at, biased)
    torch.testing.assert_close(told[:2], wanted, rtol=1e-5, atol=1e-5)
    factors = torch.linspace(-1, 2, n)
    found = slopes((told[0].exp() * factors - told[1] * factors.flip(0)).sum(), at, names)
    plain = slopes((wanted[0].exp() * factors - wanted[1] * factors.flip(0)).sum(), at, names)
    torch.testing.assert_close(found, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("chunk", [SMALL, ONE_BLOCK])
def test_gradients_in_float64_hold_against_finite_differences(chunk: int) -> None:
    at = free(problem(4, 3, 7, dtype=torch.float64), "hidden", "weight", "bias")

    def both(hidden: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        return token_statistics(hidden, weight, bias, at["labels"], chunk=chunk)[:2]

    assert torch.autograd.gradcheck(both, (at["hidden"], at["weight"], at["bias"]))
    other, fixed = at["reference"], (at["weight"].detach(), at["bias"].detach())
    assert torch.autograd.gradcheck(
        lambda hidden: soft_cross_entropy(hidden, other, *fixed, at["labels"], penalty=2.0, chunk=chunk), (at["hidden"],)
    )
    assert torch.autograd.gradcheck(lambda hidden: kl_to_reference_tokens(hidden, other, *fixed, chunk=chunk), (at["hidden"],))


@pytest.mark.parametrize("chunk", [1, SMALL, ONE_BLOCK])
@pytest.mark.parametrize("penalty", [0.0, 3.0, 50.0])
def test_soft_cross_entropy_is_the_plain_formula_and_the_reference_is_constant(chunk: int, penalty: float) -> None:
    names = ("hidden", "weight", "bias")
    at = free(problem(), *names, "reference")
    args = at["hidden"], at["reference"], at["weight"], at["bias"], at["labels"]
    told, wanted = soft_cross_entropy(*args, penalty=penalty, chunk=chunk), plain_soft(at, penalty)
    torch.testing.assert_close(told, wanted, rtol=1e-5, atol=1e-5)
    found = torch.autograd.grad(told.square().sum(), [*args[:4]], allow_unused=True)
    assert found[1] is None
    plain = slopes(wanted.square().sum(), at, names)
    torch.testing.assert_close((found[0], *found[2:]), plain, rtol=1e-5, atol=1e-5)


def test_soft_cross_entropy_worked_by_hand() -> None:
    """Reference (1/2, 1/3, 1/6); less ln 3 at word 0 it is (1/6, 1/3, 1/6), that is (1/4, 1/2, 1/4). The model says 1/3 each."""
    weight, even = torch.tensor([[1 / 2], [1 / 3], [1 / 6]]).log(), torch.zeros(1, 1)
    one, label = torch.ones(1, 1), torch.tensor([0])
    assert soft_cross_entropy(even, one, weight, None, label, penalty=math.log(3)).item() == pytest.approx(math.log(3))
    # the other way round: -(1/4 ln 1/2 + 1/2 ln 1/3 + 1/4 ln 1/6)
    wanted = 0.25 * math.log(2) + 0.5 * math.log(3) + 0.25 * math.log(6)
    assert soft_cross_entropy(one, one, weight, None, label, penalty=math.log(3)).item() == pytest.approx(wanted)


@pytest.mark.parametrize("chunk", [1, SMALL, ONE_BLOCK])
def test_kl_is_the_plain_formula_and_0_where_both_say_the_same(chunk: int) -> None:
    at = free(problem(), "hidden")
    told = kl_to_reference_tokens(at["hidden"], at["reference"], at["weight"], at["bias"], chunk=chunk)
    wanted = kl_to_reference(plain_scores(at), plain_scores(at, of="reference"))
    torch.testing.assert_close(told, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(slopes(told.sum(), at, ("hidden",)), slopes(wanted.sum(), at, ("hidden",)), rtol=1e-5, atol=1e-5)
    same = kl_to_reference_tokens(at["hidden"], at["hidden"].detach(), at["weight"], at["bias"], chunk=chunk)
    assert same.tolist() == [0.0] * 5
    assert slopes(same.sum(), at, ("hidden",))[0].abs().max() < 1e-6


@pytest.mark.parametrize("chunk", [1, SMALL, ONE_BLOCK])
def test_vocabulary_statistics_are_the_plain_formulas(chunk: int) -> None:
    at = problem(6, 4, 13)
    told = vocabulary_statistics(at["hidden"], at["weight"], at["bias"], at["labels"], chunk)
    log_p = plain_scores(at).double().log_softmax(-1)
    mean = (log_p.exp() * log_p).sum(-1)
    spread = (log_p.exp() * (log_p - mean[:, None]).square()).sum(-1).sqrt()
    own = log_p.gather(1, at["labels"][:, None])[:, 0]
    for found, wanted in zip(told[:3], (own, mean, spread), strict=True):
        torch.testing.assert_close(found, wanted.float(), rtol=1e-5, atol=1e-5)
    assert told.right.equal(log_p.argmax(-1) == at["labels"])


@pytest.mark.parametrize("chunk", [1, ONE_BLOCK])
def test_of_equal_words_the_first_is_the_rival_and_the_gradient_goes_there(chunk: int) -> None:
    """Four equal words, label 1: each has p = 1/4. Rival is word 0; d log p_rival / dz = (3/4, -1/4, -1/4, -1/4)."""
    bias = torch.zeros(4, requires_grad=True)
    told = token_statistics(torch.ones(1, 1), torch.zeros(4, 1), bias, torch.tensor([1]), chunk=chunk)
    assert told.rival.tolist() == [0]
    assert told.rival_log_prob.item() == pytest.approx(-math.log(4))
    assert torch.autograd.grad(told.rival_log_prob, bias)[0].tolist() == pytest.approx([0.75, -0.25, -0.25, -0.25])
    seen = vocabulary_statistics(torch.ones(2, 1), torch.zeros(4, 1), None, torch.tensor([0, 1]), chunk)
    assert seen.right.tolist() == [True, False]


def test_of_two_words_the_rival_is_the_other() -> None:
    """P = (.9, .1): what the rival gains the label loses, so both gradients in the scores are +- p (1 - p) = +- .09."""
    bias = torch.tensor([0.9, 0.1]).log().requires_grad_()
    told = token_statistics(torch.ones(1, 1), torch.zeros(2, 1), bias, torch.tensor([0]))
    assert (told.rival.item(), told.rival_log_prob.exp().item()) == (1, pytest.approx(0.1))
    assert torch.autograd.grad(told.log_prob.exp().sum(), bias)[0].tolist() == pytest.approx([0.09, -0.09])


@pytest.mark.parametrize("chunk", [SMALL, ONE_BLOCK])
def test_half_precision_is_summed_in_float32(chunk: int) -> None:
    """The numbers are those of the rounded inputs in float32; the products alone, rounded to bfloat16, would be off by 0.01."""
    at = problem(6, 32, 20, dtype=torch.bfloat16)
    at["hidden"].requires_grad_()
    exact = free({name: part.float() if part.is_floating_point() else part for name, part in at.items()}, "hidden")
    told = token_statistics(at["hidden"], at["weight"], at["bias"], at["labels"], chunk=chunk)
    wanted = plain_statistics(exact, True)
    assert told.log_prob.dtype == torch.float32
    torch.testing.assert_close(told[:2], wanted, rtol=1e-5, atol=1e-5)
    (found,), (plain,) = slopes(told.log_prob.sum(), at, ("hidden",)), slopes(wanted[0].sum(), exact, ("hidden",))
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, plain.bfloat16(), rtol=1e-2, atol=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("chunk", [SMALL, ONE_BLOCK])
def test_a_gpu_says_the_same(chunk: int) -> None:
    """Half precision heads are multiplied as they are there, and summed in float32."""
    at = problem(40, 32, 200, dtype=torch.bfloat16)
    here, there = free(at, "hidden"), free({name: part.cuda() for name, part in at.items()}, "hidden")
    for one in (here, there):
        losses(one, chunk).backward()
    told, wanted = (vocabulary_statistics(*at_args(one), chunk) for one in (there, here))
    for found, right in zip(told, wanted, strict=True):
        torch.testing.assert_close(found.cpu(), right, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(there["hidden"].grad.cpu(), here["hidden"].grad, rtol=2e-2, atol=2e-2)


def test_a_caller_that_trains_in_half_precision_gets_the_same_numbers() -> None:
    at = problem(6, 32, 20)
    args = at["hidden"], at["weight"], at["bias"], at["labels"]
    plain = token_statistics(*args)
    with torch.autocast("cpu", torch.bfloat16):
        assert token_statistics(*args).log_prob.equal(plain.log_prob)
        assert vocabulary_statistics(*args).log_prob.equal(vocabulary_statistics(*args, SMALL * 1000).log_prob)


def test_only_what_requires_a_gradient_gets_one() -> None:
    at = free(problem(), "hidden", "bias")
    told = token_statistics(at["hidden"], at["weight"], at["bias"], at["labels"], chunk=SMALL)
    told.log_prob.sum().backward()
    assert at["hidden"].grad is not None
    assert at["bias"].grad is not None
    assert at["weight"].grad is None


@pytest.mark.parametrize("chunk", [SMALL, ONE_BLOCK])
def test_no_tokens_give_empty_numbers_and_gradients_of_0(chunk: int) -> None:
    at = free(problem(0), "hidden", "weight")
    told = token_statistics(at["hidden"], at["weight"], at["bias"], at["labels"], chunk=chunk)
    other = kl_to_reference_tokens(at["hidden"], at["reference"], at["weight"], at["bias"], chunk=chunk)
    assert told.log_prob.shape == told.rival.shape == other.shape == (0,)
    assert slopes(told.log_prob.sum() + other.sum(), at, ("weight",))[0].abs().max() == 0
    assert vocabulary_statistics(*at_args(at), chunk).right.shape == (0,)


def at_args(at: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return at["hidden"], at["weight"], at["bias"], at["labels"]


class Largest(TorchDispatchMode):
    """Watches every operation for the largest result it makes, but for those of the sizes left out."""

    def __init__(self, *left_out: int) -> None:
        super().__init__()
        self.left_out, self.numbers = left_out, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for part in made if isinstance(made, (tuple, list)) else [made]:
            fresh = isinstance(part, Tensor) and part.untyped_storage().data_ptr() not in {
                arg.untyped_storage().data_ptr() for arg in args if isinstance(arg, Tensor)
            }
            if fresh and part.numel() not in self.left_out:
                self.numbers = max(self.numbers, part.numel())
        return made


@contextmanager
def saved() -> Iterator[list[int]]:
    """Sizes of what is kept for the backward pass."""
    sizes: list[int] = []

    def keep(part: Tensor) -> Tensor:
        sizes.append(part.numel())
        return part

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda part: part):
        yield sizes


def losses(at: dict[str, Tensor], chunk: int) -> Tensor:
    told = token_statistics(*at_args(at), chunk=chunk)
    args = at["hidden"], at["reference"], at["weight"], at["bias"]
    both = kl_to_reference_tokens(*args, chunk=chunk) + soft_cross_entropy(*args, at["labels"], penalty=1.0, chunk=chunk)
    return (told.log_prob.exp() - told.rival_log_prob.exp() + both).sum()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_largest_temporary_does_not_grow_with_the_vocabulary(dtype: torch.dtype) -> None:
    """Blocks of 65,536 bytes are 16,384 scores; 64 tokens of 500 words and of 8,000 words make none larger."""
    for words in (500, 8_000):
        at = free(problem(64, 8, words, dtype=dtype), "hidden")
        with Largest() as seen:
            losses(at, 65_536).backward()
            vocabulary_statistics(*at_args(at), 65_536)
        assert 0 < seen.numbers <= 16_384


def test_nothing_of_tokens_by_vocabulary_is_kept_unless_one_block_holds_it() -> None:
    at = free(problem(64, 8, 500), "hidden")
    with saved() as sizes:
        losses(at, 4096)
    assert max(sizes) == 500 * 8  # the head itself
    with saved() as sizes:
        losses(at, 64 * 500 * 4)
    assert max(sizes) == 64 * 500
    with saved() as sizes, torch.no_grad():
        losses(at, 64 * 500 * 4)
    assert sizes == []


@pytest.mark.parametrize("chunk", [4096, ONE_BLOCK])
def test_scores_that_are_kept_survive_a_second_backward_pass(chunk: int) -> None:
    at = free(problem(), "hidden")
    loss = losses(at, chunk)
    first, second = (torch.autograd.grad(loss, at["hidden"], retain_graph=True)[0] for _ in range(2))
    assert first.equal(second)


def test_per_example_worked_by_hand() -> None:
    values = torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
    total, count = per_example(values, torch.tensor([0, 0, 2]), 3)
    assert (total.tolist(), count.tolist()) == ([3.0, 0.0, 4.0], [2, 0, 1])
    (slope,) = torch.autograd.grad((total * torch.tensor([1.0, 2.0, 3.0])).sum(), values)
    assert slope.tolist() == [1.0, 1.0, 3.0]


@pytest.mark.parametrize("part", ["labels", "weight"])
def test_shapes_that_do_not_fit_are_refused(part: str) -> None:
    at = problem()
    with pytest.raises(TypeCheckError):
        token_statistics(*at_args({**at, part: at[part][..., 1:]}))
