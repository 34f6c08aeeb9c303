"""`lorasteer methods`: what can be done, by which facts, with which settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lorasteer.cli import options, show
from lorasteer.errors import PlanError, choices

if TYPE_CHECKING:
    from lorasteer.registry import Entry, Registry


def methods(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Method whose settings to show.")] = None,
    task: Annotated[
        str | None, typer.Option("--task", metavar="NAME", help="Only methods for it, vision or language, with its settings.")
    ] = None,
    json: options.Json = False,
) -> None:
    """List the methods with their facts, or the settings of one.

    Example:
        lorasteer methods
        lorasteer methods --task language
        lorasteer methods lora-ihl --task language
    """
    from lorasteer.methods import METHODS

    entries = _chosen(METHODS, task) if name is None else [METHODS[name]]
    for plugin, reason in METHODS.failures.items():
        show.warn(f"warning: plug-in {plugin!r} could not be loaded: {reason}")
    if json:
        show.document([_described(entry, task) for entry in entries])
    elif name is None:
        heads = ["method", "what it does", "for", "family", "needs", "forgets", "paper"]
        show.table(heads, [_line(entry) for entry in entries])
    else:
        _one(entries[0], task)


def _chosen(registry: Registry[Any], task: str | None) -> list[Entry[Any]]:
    tasks = sorted({name for entry in registry for name in entry["tasks"]})
    if task is not None and task not in tasks:
        raise PlanError(f"unknown task {task!r}. {choices(task, tasks)}")
    return [entry for entry in registry if task is None or task in entry["tasks"]]


def _line(entry: Entry[Any]) -> list[str]:
    scope = " or ".join(sorted(entry["scope"]))
    aims = scope if entry["forgets"] else f"{scope}, not promised"
    tasks = ", ".join(sorted(entry["tasks"]))
    return [entry.name, entry.summary, tasks, entry["family"], ", ".join(sorted(entry["needs"])), aims, _paper(entry)]


def _paper(entry: Entry[Any]) -> str:
    return f"{entry['paper']}{' (reconstruction)' if entry['reconstruction'] else ''}"


def _one(entry: Entry[Any], task: str | None) -> None:
    show.say(f"{entry.name}: {entry.summary}")
    show.say(f"Family {entry['family']}; needs {', '.join(sorted(entry['needs']))}; paper: {_paper(entry)}.")
    fields = _fields(entry, task)
    if not fields:
        show.say("It has no settings.")
        return
    show.table(
        ["setting", "default", "meaning"], [[name, repr(field["default"]), field["help"]] for name, field in fields.items()]
    )
    show.say("Intensity governs some of them; --set name=value overrides it.")


def _fields(entry: Entry[Any], task: str | None) -> dict[str, dict[str, Any]]:
    from lorasteer.methods.contract import kind_for

    fields = kind_for(entry.factory, task or "vision").model_fields
    return {name: {"default": field.default, "help": " ".join(str(field.description).split())} for name, field in fields.items()}


def _described(entry: Entry[Any], task: str | None) -> dict[str, Any]:
    facts = {name: sorted(fact) if isinstance(fact, (set, frozenset)) else fact for name, fact in entry.facts.items()}
    return {"name": entry.name, "summary": entry.summary, **facts, "settings": _fields(entry, task)}
