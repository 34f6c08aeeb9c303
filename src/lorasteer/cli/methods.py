"""`lorasteer methods`: what can be done, by which facts, with which settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lorasteer.cli import options, show

if TYPE_CHECKING:
    from lorasteer.registry import Entry


def methods(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Method whose settings to show.")] = None,
    json: options.Json = False,
) -> None:
    """List the methods with their facts, or the settings of one.

    Example:
        lorasteer methods
        lorasteer methods lora-ihl
    """
    from lorasteer.methods import METHODS

    entries = list(METHODS) if name is None else [METHODS[name]]
    for plugin, reason in METHODS.failures.items():
        show.warn(f"warning: plug-in {plugin!r} could not be loaded: {reason}")
    if json:
        show.document([_described(entry) for entry in entries])
    elif name is None:
        show.table(["method", "what it does", "family", "needs", "forgets", "paper"], [_line(entry) for entry in entries])
    else:
        _one(entries[0])


def _line(entry: Entry[Any]) -> list[str]:
    scope = " or ".join(sorted(entry["scope"]))
    aims = scope if entry["forgets"] else f"{scope}, not promised"
    return [entry.name, entry.summary, entry["family"], ", ".join(sorted(entry["needs"])), aims, _paper(entry)]


def _paper(entry: Entry[Any]) -> str:
    return f"{entry['paper']}{' (reconstruction)' if entry['reconstruction'] else ''}"


def _one(entry: Entry[Any]) -> None:
    show.say(f"{entry.name}: {entry.summary}")
    show.say(f"Family {entry['family']}; needs {', '.join(sorted(entry['needs']))}; paper: {_paper(entry)}.")
    fields = _fields(entry)
    if not fields:
        show.say("It has no settings.")
        return
    show.table(
        ["setting", "default", "meaning"], [[name, repr(field["default"]), field["help"]] for name, field in fields.items()]
    )
    show.say("Intensity governs some of them; --set name=value overrides it.")


def _fields(entry: Entry[Any]) -> dict[str, dict[str, Any]]:
    fields = entry.factory.Settings.model_fields
    return {name: {"default": field.default, "help": " ".join(str(field.description).split())} for name, field in fields.items()}


def _described(entry: Entry[Any]) -> dict[str, Any]:
    facts = {name: sorted(fact) if isinstance(fact, (set, frozenset)) else fact for name, fact in entry.facts.items()}
    return {"name": entry.name, "summary": entry.summary, **facts, "settings": _fields(entry)}
