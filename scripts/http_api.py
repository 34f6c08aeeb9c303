"""The page on the HTTP API, from the description that the API gives of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Table = Callable[[Iterable[str], Iterable[Iterable[object]]], str]
Word = Callable[[Mapping[str, Any]], str]
METHODS = ("get", "post", "delete")


def http_api(whole: Mapping[str, Any], table: Table, word: Word) -> str:
    """Everything of an OpenAPI description that a caller needs, in one page.

    Args:
        whole: The description.
        table: Makes a table.
        word: Says what type a schema is.
    """
    calls = [(path, method, call) for path, methods in whole["paths"].items() for method, call in methods.items()]
    assert {method for _, method, _ in calls} <= set(METHODS), "a method that this page does not know"
    parts = ["# HTTP API", whole["info"]["description"], "The same as a description for programs: `GET /api/openapi.json`."]
    for tag in whole["tags"]:
        parts += [f"## {tag['name'].capitalize()}", tag["description"]]
        parts += [_call(path, method, call, table, word) for path, method, call in calls if tag["name"] in call["tags"]]
    parts.append("## Records")
    for name, schema in sorted(whole["components"]["schemas"].items()):
        parts += [f"### {name}", *_record(schema, table, word)]
    return "\n\n".join(parts) + "\n"


def _call(path: str, method: str, call: Mapping[str, Any], table: Table, word: Word) -> str:
    lines = [f"### `{method.upper()} /api{path}`", call.get("description") or call["summary"]]
    given = [
        [f"`{one['name']}`", one["in"], word(one["schema"]), one.get("description", "")] for one in call.get("parameters", ())
    ]
    lines += [table(["given", "in", "type", "meaning"], given)] if given else []
    if "requestBody" in call:
        lines.append(f"Body: {_content(call['requestBody'], word)}")
    good = [status for status in call["responses"] if status.startswith("2")]
    lines += [f"Answer {status}: {_content(call['responses'][status], word)}" for status in good]
    refused = sorted(set(call["responses"]) - set(good))
    return "\n\n".join([*lines, f"Refused with {', '.join(refused)}."])


def _content(part: Mapping[str, Any], word: Word) -> str:
    """What a body or an answer holds.

    Example:
        >>> _content({"content": {"image/png": {"schema": {"type": "string"}}}}, lambda schema: "text")
        '`image/png`'
    """
    content = part.get("content", {})
    if not content:
        return "nothing."
    said = [word(one["schema"]) if kind == "application/json" else f"`{kind}`" for kind, one in content.items()]
    return " or ".join(said)


def _record(schema: Mapping[str, Any], table: Table, word: Word) -> Sequence[str]:
    fields, required = schema.get("properties", {}), schema.get("required", ())
    rows = [
        [f"`{name}`", word(field), "yes" if name in required else "", field.get("description", "")]
        for name, field in fields.items()
    ]
    return [
        schema.get("description", "").split("\n\n")[0],
        *([table(["field", "type", "required", "meaning"], rows)] if rows else []),
    ]
