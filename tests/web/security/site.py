"""A small NiceGUI page behind the guard, run as a program: `python -m tests.web.security.site PORT`."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI
from nicegui import app as nicegui_app
from nicegui import ui

from lorasteer.web.security import Rules, Tokens, protect, uvicorn_options

clicks: list[int] = []


@ui.page("/")
def page() -> None:
    """A button that counts in Python, a plot, and text that would be dangerous as HTML."""
    label = ui.label("0 clicks")

    def count() -> None:
        clicks.append(1)
        label.set_text(f"{len(clicks)} clicks")

    ui.button("Count", on_click=count)
    ui.plotly({"data": [{"type": "scatter", "x": [1, 2, 3], "y": [3, 1, 2]}], "layout": {"title": {"text": "A plot"}}})
    ui.button("Ask", on_click=lambda: ask())
    ui.html('<img src="/nowhere.png" onerror="window.stolen = true">', sanitize=False)
    ui.upload(label="Give", auto_upload=True, on_upload=lambda event: label.set_text(f"got {event.file.name}"))

    async def ask() -> None:
        label.set_text(f"the browser says {await ui.run_javascript('6 * 7')}")


def main(port: int) -> None:
    """Serve until stopped."""
    app = FastAPI()

    @app.post("/api/act")
    def act() -> dict[str, int]:
        clicks.append(1)
        return {"clicks": len(clicks)}

    @app.get("/api/clicks")
    def number() -> dict[str, int]:
        return {"clicks": len(clicks)}

    ui.run_with(app, reconnect_timeout=30)
    assert nicegui_app is not app
    rules = Rules("127.0.0.1", port, Tokens.from_environment())
    protect(app, rules)
    uvicorn.run(app, **uvicorn_options(rules), log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]))
