"""`lorasteer audit`: attack the result of a run, and say whether the target was removed or only suppressed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lorasteer.cli import options, show
from lorasteer.cli.groups import grouped
from lorasteer.cli.opening import Opened, actor, open_change, open_store, run_and_number
from lorasteer.cli.progress import counting, working
from lorasteer.errors import PlanError, StoreError

if TYPE_CHECKING:
    from lorasteer.records import AuditRecord, Clue
    from lorasteer.session.audit import Audit
    from lorasteer.session.auditing import Audited
    from lorasteer.steer.translate import Translation


@grouped
def audit(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run to audit: folder or id; ID:2 for its iteration 2.")],
    *,
    suite: Annotated[str, typer.Option("--suite", metavar="NAME", help="quick, or full for every attack.")] = "quick",
    models: options.Models,
    base: Annotated[
        Path | None, typer.Option("--base", metavar="FOLDER", help="Base model; as the run recorded it when left out.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random in the attacks.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write a report: one page, .html or .md.")] = None,
    places: options.Places,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Attack what a run made, beside its base and retrained models, and give a verdict. What is done once is remembered.

    Example:
        lorasteer audit 3f2a1c --retrained 2
        lorasteer audit 3f2a1c --suite full --retrained 2 --out audit.html
    """
    from lorasteer.session.opening import open_audited, retrained_models

    _check_out(out, overwrite)
    opened = open_change(run, places.store)
    if opened.kept is None:
        raise PlanError("the folder of a change alone does not say what was to be forgotten; give the run it belongs to.")
    folder = base or _base_of(opened.kept.run.base_folder)
    bench = open_audited(folder, places.data, places.cache, purpose="the audit")
    translation = _translation(bench, run, opened, places.store)
    beside = retrained_models(bench, translation.splits, count=models.retrained, folders=models.compare, stage=working)
    from lorasteer.session.auditing import prepare

    ready = prepare(bench, translation, opened.change, suite=suite, retrained=beside, seed=seed)
    record = _carried_out(ready)
    if out is not None:
        _write(record, out, ready)
    if not _is_folder(run):
        name, number = run_and_number(run)
        store = open_store(places.store)
        store.add_audit(store.load(name).id, store.iteration(name, number).number, record, actor=actor())
    _tell(record, out, json)


def _check_out(out: Path | None, overwrite: bool) -> None:
    if out is None:
        return
    if out.suffix not in (".html", ".md"):
        raise PlanError(f"a report is written as .html or .md, got {out.name!r}; name the file so.")
    if out.exists() and not overwrite:
        raise StoreError(f"{out} exists already; choose another file, or give --overwrite to replace it.")


def _base_of(folder: str) -> Path:
    if not folder:
        raise PlanError("the run does not say where its base lies; name it with --base FOLDER.")
    return Path(folder)


def _is_folder(run: str) -> bool:
    from lorasteer.store import is_run

    return is_run(Path(run))


def _translation(bench: Audited, run: str, opened: Opened, store: Path | None) -> Translation:
    """The request with its splits, made again; a run that builds on earlier requests needs the store for them."""
    from lorasteer.session.certifying import translation_of

    assert opened.kept is not None
    iteration = opened.kept.iteration
    kept = (iteration,) if _is_folder(run) else open_store(store).iterations(run_and_number(run)[0])
    if iteration.beneath and len(kept) == 1:
        raise PlanError("this run builds on earlier requests, which its folder does not hold; audit it by its id in the store.")
    return translation_of(bench, kept, iteration.number)


def _carried_out(ready: Audit) -> AuditRecord:
    costs = ready.estimate()
    remembered = f", {costs.remembered} of them remembered" if costs.remembered else ""
    show.warn(f"{costs.attacks} attacks on {len(ready.members)} models{remembered}; about {costs.seconds:.0f} s.")
    with counting("attacks") as count:
        return ready.run(lambda step: count(step.number, step.of, f"{step.attack} on {step.subject}", step.left))


def _write(record: AuditRecord, out: Path, ready: Audit) -> None:
    from lorasteer.export.audit_report import audit_html
    from lorasteer.export.audit_text import audit_markdown
    from lorasteer.session.auditing import pictured
    from lorasteer.tasks.tensors import write_text

    write_text(out, audit_html(record, pictured(ready)) if out.suffix == ".html" else audit_markdown(record))


def _tell(record: AuditRecord, out: Path | None, json: bool) -> None:
    if json:
        show.document(record.model_dump(mode="json"))
        return
    verdict = record.verdict
    assert verdict is not None
    show.say(f"Target {record.wording}. Verdict on {verdict.subject}: {verdict.label}.")
    show.say(verdict.rule)
    if verdict.withheld:
        show.say(verdict.withheld)
    head = ["asked", "attack", "measurement", "value", "retrained models", "base", "lies"]
    show.table(head, [_line(clue) for clue in (*verdict.evidence, *verdict.beside)])
    for name, reason in record.skipped.items():
        show.say(f"- {name} was left out: {reason}.")
    controls = [f"{other.subject}: {other.label}" for other in record.verdicts if other.subject != verdict.subject]
    show.say(f"The same rule on the models it is held against: {'; '.join(controls)}.")
    if out is not None:
        show.say(f"Report in {out}.")


def _line(clue: Clue) -> list[str]:
    base = "" if clue.base is None else f"{clue.base:.3g}"
    return [
        clue.question,
        clue.attack,
        clue.measurement,
        f"{clue.value:.3g}",
        f"{clue.low:.3g} to {clue.high:.3g}",
        base,
        clue.found,
    ]
