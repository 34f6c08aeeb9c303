"""A run as a page to read: what was asked, what was done, what was shown, by which numbers."""

from __future__ import annotations

from pathlib import Path

from lorasteer.evaluation import Spread, markdown_table
from lorasteer.records import Evaluation, Iteration, Snapshot
from lorasteer.tasks.tensors import write_text

REPORT = "report.md"
_NOTE = (
    "The table says what was measured, on which examples, beside which models. Tests can show that a trace is left; "
    "they cannot show that none is."
)


def write_report(kept: Snapshot, folder: Path, *, strength: float | None = None) -> Path:
    """Write `report.md` into a folder and return its path.

    Args:
        kept: What is reported.
        folder: Where to.
        strength: Strength that the change beside it was exported at; as measured when left out.

    Raises:
        StoreError: The folder cannot be written.
    """
    path = folder / REPORT
    write_text(path, report(kept, strength=strength))
    return path


def report(kept: Snapshot, *, strength: float | None = None) -> str:
    """The report of an iteration, in Markdown. Where it was exported at another strength than it was measured at, it says so."""
    run, iteration = kept.run, kept.iteration
    title = f"# Unlearning report: {iteration.wording}"
    parts = [title, _intro(kept), "## Plan", _plan(iteration), "## Measurements", _tables(iteration), _NOTE]
    if strength is not None and strength != iteration.change.strength:
        parts.append(
            f"**Exported at strength {strength:g}; these measurements were taken at strength {iteration.change.strength:g}.** "
            f"Measure again with `lorasteer evaluate --change {run.id}:{iteration.number} --strength {strength:g}`."
        )
    if iteration.remarks:
        parts += ["## Remarks", _bullets(iteration.remarks)]
    return "\n\n".join([*parts, "## To check it by", _pairs(_digests(kept)), "## Made with", _pairs(run.versions)]) + "\n"


def _intro(kept: Snapshot) -> str:
    run, iteration = kept.run, kept.iteration
    asked = iteration.request.model_dump(mode="json", exclude_defaults=True)
    target = ", ".join(f"{name} {_words(value)}" for name, value in asked.pop("target").items())
    rest = "; ".join(f"{name.replace('_', ' ')}: {_words(value)}" for name, value in asked.items())
    called = f" ({run.name})" if run.name else ""
    which = f"Run {run.id}{called} of {run.created}, iteration {iteration.number}."
    stopped = " The training was interrupted by hand." if iteration.interrupted else ""
    note = f" Note: {iteration.note}" if iteration.note else ""
    return f"{which} Requested: {target}{'; ' if rest else ''}{rest}.{stopped}{note}"


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(item)}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _plan(iteration: Iteration) -> str:
    plan, training = iteration.plan, iteration.change.training
    settings = ", ".join(f"{name} {_words(value)}" for name, value in plan.settings.items())
    facts = [
        f"Method {plan.method}, seed {plan.seed}, applied at strength {iteration.change.strength:g}.",
        f"Settings: {settings or 'none'}.",
        *plan.because,
        f"Training: {training.steps} steps in {iteration.seconds:.3g} s, weights of step {training.kept_step} kept "
        f"({training.reason or 'no training'}).",
    ]
    return _bullets(facts)


def _tables(iteration: Iteration) -> str:
    """Metrics in groups of a few columns, so that a page can hold them; those that were not taken are left out."""
    floor = {name: Spread(*values) for name, values in iteration.floor.items()}
    last = iteration.evaluations[-1].measurements if iteration.evaluations else ()
    names = [m.name for m in last if _taken(iteration.evaluations, m.name)]
    groups = [names[start : start + 6] for start in range(0, len(names), 6)]
    return "\n\n".join(markdown_table(iteration.evaluations, group, floor=floor) for group in groups)


def _taken(evaluations: tuple[Evaluation, ...], name: str) -> bool:
    return any(m.name == name and m.value is not None for evaluation in evaluations for m in evaluation.measurements)


def _digests(kept: Snapshot) -> dict[str, str]:
    run, iteration = kept.run, kept.iteration
    sizes = ", ".join(f"{name} {size}" for name, size in iteration.sizes.items())
    return {
        "base model": run.base, "data": f"{run.data_digest} ({run.data})", "splits": f"{iteration.splits} ({sizes})",
        "change": iteration.change.tensors, "plan": iteration.plan.digest,
    }  # fmt: skip


def _pairs(facts: dict[str, str]) -> str:
    return _bullets([f"{name}: {value}" for name, value in facts.items()])


def _bullets(lines: list[str] | tuple[str, ...]) -> str:
    return "\n".join(f"- {line}" for line in lines)
