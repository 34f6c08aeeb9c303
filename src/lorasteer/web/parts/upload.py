"""A base of one's own: the browser sends the file to the HTTP API, which checks it before anything reads it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import events, ui

from lorasteer.web.parts.theme import named, words

SUMMARY = "A base of your own"
HELP = "A zip of the folder that “lorasteer train” wrote (base.json, model.safetensors). It is checked and copied, never run."


class Upload:
    """A field for a file, and what came of it.

    Args:
        on_base: Called with the id of a base that was taken in.
    """

    def __init__(self, on_base: Callable[[str], Awaitable[object]]) -> None:
        self._on_base = on_base
        with ui.element("details").classes("ls-upload"):
            words("summary", SUMMARY, "ls-small")
            with ui.element("div").classes("ls-stack ls-gap-4"):
                words("p", HELP, "ls-small ls-muted")
                self._field = named(ui.element("input").props("type=file accept=.zip").classes("ls-file"), "Zip of a base")
                self._said = words("p", classes="ls-small").props("role=status aria-live=polite")
        self._field.on("change", js_handler=_SEND)
        self._field.on("taken", self._taken, ["detail"])
        self._field.on("said", lambda event: self._say(event, bad=False), ["detail"])
        self._field.on("refused", lambda event: self._say(event, bad=True), ["detail"])

    def _say(self, event: events.GenericEventArguments, *, bad: bool) -> None:
        self._said.text = str(_detail(event))
        self._said.classes(replace="ls-small ls-bad" if bad else "ls-small ls-muted")

    async def _taken(self, event: events.GenericEventArguments) -> None:
        base = _detail(event)
        self._said.text = "Taken in."
        await self._on_base(str(base))


def _detail(event: events.GenericEventArguments) -> object:
    return event.args.get("detail", "") if isinstance(event.args, dict) else ""


_SEND = """async (event) => {
  const field = event.target, file = field.files[0];
  if (!file) return;
  const tell = (name, detail) => field.dispatchEvent(new CustomEvent(name, { detail }));
  const ask = async (address, settings) => {
    const answer = await fetch(address, { method: 'POST', ...settings });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.detail || `The server answered ${answer.status}; try again.`);
    return said;
  };
  try {
    tell('said', `Sending ${file.name} …`);
    const upload = await ask(`/api/uploads?name=${encodeURIComponent(file.name)}`, { body: file });
    tell('said', `Checking ${file.name} …`);
    const name = file.name.replace(/\\.zip$/i, '');
    const headers = { 'Content-Type': 'application/json' };
    const base = await ask('/api/bases', { headers, body: JSON.stringify({ upload: upload.id, name }) });
    tell('taken', base.id);
  } catch (error) {
    tell('refused', error.message);
  }
  field.value = '';
}"""
