"""Take a result away: an adapter, a merged model or a report, with what was shown and what was not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nicegui import ui

from lorasteer.errors import LorasteerError
from lorasteer.web.house import House, Room
from lorasteer.web.parts.frame import OPENING, PAGE, frame
from lorasteer.web.parts.picks import Picks
from lorasteer.web.parts.theme import named, words
from lorasteer.web.views import Export, Findings, TableRow

Form = Literal["adapter", "merged", "report"]


@dataclass(frozen=True)
class Offer:
    """What can be taken away.

    Args:
        title: What it is called.
        what: What it is, in a sentence or two.
        caution: What a person must know before giving it away.
        code: Lines of Python that load it; empty where nothing is to be loaded.
    """

    title: str
    what: str
    caution: str = ""
    code: str = ""


OFFERS: Mapping[Form, Offer] = {
    "adapter": Offer(
        "Adapter",
        "The few numbers that were learnt, as stock PEFT reads them. They lie beside the base, which stays as it was.",
        "An adapter can be switched off: whoever has it and the base has everything that was forgotten. "
        "Give it away only where the base may be known.",
        "from lorasteer import load_base\nfrom peft import PeftModel\n\n"
        '# "base" is the folder of the base, "adapter" the unpacked file\n'
        'model = PeftModel.from_pretrained(load_base("base").view(), "adapter").eval()',
    ),
    "merged": Offer(
        "Merged model",
        "The whole model with the change put into its weights: a base of its own, without an adapter to take off.",
        "Who has the old base too can subtract one from the other. Keep the old base where it was.",
        'from lorasteer import load_base\n\n'
        '# "merged" is the unpacked file\nmodel = load_base("merged").view()',
    ),
    "report": Offer(
        "Report",
        "A page to read: what was asked and done, every measurement beside the base and retrained models, "
        "and the digests by which it can be checked.",
        "It says what was measured. It does not say that nothing is left.",
    ),
}  # fmt: skip
"""What can be taken away, in the order it is offered."""
SHOWN_BY: Mapping[str, str] = {
    "forget accuracy": "whether examples of the forget set are still recognised",
    "forget test accuracy": "whether unseen examples of the target are still recognised",
    "retain test accuracy": "what is still known of everything else",
    "mia auc": "whether examples of the forget set can be told from unseen ones by the confidence in them",
    "kl to retrained forget": "how far the answers are from those of a model that never saw the forget set",
}
"""What each measurement speaks of."""
TESTS = (
    ("relearn", "Relearning", "how fast a few steps of training bring it back"),
    ("probe", "Probes", "whether a reader trained on the features inside still finds it"),
    ("shadow", "Stronger attacks", "membership inference by more than the confidence in the true class"),
    ("quant", "Compression", "whether quantising the model brings it back"),
)
"""Tests that say more than a session measures by itself: part of the metric's name, what it is called, what it would tell."""


def register(house: House) -> None:
    """Serve exports at `/session/{run}/export?iteration=2`.

    Args:
        house: Everything that is served.
    """

    @ui.page("/session/{run}/export", response_timeout=OPENING, **PAGE)
    async def export(run: str, iteration: str = "") -> None:
        await _build(house, run, iteration)


async def _build(house: House, run: str, said: str) -> None:
    try:
        room = await house.room(run)
    except LorasteerError as error:
        with frame("Export", place={"Library": "/"}):
            words("p", str(error), "ls-note ls-is-bad").props("role=alert")
        return
    name = room.view.name or room.view.id
    with frame("Export", place={"Library": "/", name: f"/session/{run}"}, state=room.view.state):
        made = [node.number for node in room.view.nodes if node.number]
        if not made:
            words(
                "p", "Nothing is forgotten yet, so there is nothing to take away. Ask for it in the workbench first.", "ls-note"
            )
            return
        wanted = int(said) if said.isascii() and said.isdecimal() and len(said) < 9 else room.view.head
        await Taking(room, wanted if wanted in made else made[-1]).show()


class Taking:
    """Which iteration is taken away, in which form, and what came of it.

    Args:
        room: The session.
        number: The iteration that is chosen at first.
    """

    def __init__(self, room: Room, number: int) -> None:
        self._room, self._number = room, number
        self._form: Form = "adapter"
        nodes = [node for node in room.view.nodes if node.number]
        with _section("1  Which iteration"):
            options = {str(node.number): f"{node.number}  {node.text}" for node in nodes}
            self._which = Picks("Iteration", options, picked=(str(number),), on_change=self._chosen)
            head = room.view.head
            words("p", f"Iteration {head} is in force." if head else "The untouched base is in force.", "ls-small ls-muted")
        with _section("2  In which form"):
            self._how = Picks(
                "Form", {form: offer.title for form, offer in OFFERS.items()}, picked=("adapter",), on_change=self._formed
            )
            self._offer = ui.element("div").classes("ls-stack")
        with _section("3  Take it away"):
            with ui.element("div").classes("ls-row ls-wrap"):
                self._button = ui.button("Prepare", icon="inventory_2", on_click=self._prepare).props("unelevated")
                self._result = ui.element("div").classes("ls-row ls-wrap")
            self._said = words("p", classes="ls-small ls-muted").props("role=status aria-live=polite")
        self._evidence = ui.element("div").classes("ls-halves")
        self._formed()

    async def show(self) -> None:
        """Show what was measured of the chosen iteration."""
        try:
            findings = await self._room.findings(self._number)
        except LorasteerError as error:
            self._said.text = str(error)
            return
        self._evidence.clear()
        with self._evidence:
            with _section("What was shown"):
                _shown(findings)
            with _section("What was not"):
                _not_shown(findings)

    async def _chosen(self) -> None:
        self._number = int(self._which.picked[0])
        self._forget_result()
        await self.show()

    def _formed(self) -> None:
        self._form = next(form for form in OFFERS if form in self._how.picked)
        self._forget_result()
        self._offer.clear()
        with self._offer:
            _describe(OFFERS[self._form])

    def _forget_result(self) -> None:
        self._result.clear()
        self._said.text = ""

    async def _prepare(self) -> None:
        self._forget_result()
        self._button.props("loading").set_enabled(False)
        number, form = self._number, self._form
        try:
            made, path = await self._room.export(number, form)
        except LorasteerError as error:
            self._said.text = str(error)
            return
        finally:
            self._button.props(remove="loading").set_enabled(True)
        if (number, form) == (self._number, self._form):  # nothing else was chosen meanwhile
            self._offer_download(made, path)

    def _offer_download(self, made: Export, path: Path) -> None:
        self._said.text = made.words[:1].upper() + made.words[1:]
        with self._result:
            button = ui.button("Download", icon="download", on_click=lambda: ui.download.file(path, made.file)).props("outline")
            named(button, f"Download {made.file}, {size(made.bytes)}")
            words("span", f"{made.file} · {size(made.bytes)}", "ls-num")


def size(count: int) -> str:
    """A number of bytes for people.

    Example:
        >>> size(900), size(12_345), size(44_700_000)
        ('900 B', '12.3 kB', '44.7 MB')
    """
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def _describe(offer: Offer) -> None:
    words("p", offer.what)
    if offer.caution:
        words("p", offer.caution, "ls-note ls-is-warn")
    if offer.code:
        with ui.element("div").classes("ls-code"):
            words("pre", offer.code).props('tabindex=0 role=region aria-label="How it is loaded"')
            copy = ui.button(icon="content_copy", color=None, on_click=lambda: _copy(offer.code)).props("flat round")
            named(copy, "Copy these lines").tooltip("Copy")


def _copy(code: str) -> None:
    ui.clipboard.write(code)
    ui.notify("Copied", position="bottom", timeout=1500)


def _shown(findings: Findings) -> None:
    rows = {row.metric: row for row in findings.rows}
    known = [metric for metric in SHOWN_BY if metric in rows and rows[metric].value is not None]
    for metric in known:
        _evidence(rows[metric], SHOWN_BY[metric])
    if not known:
        words("p", "n/a: nothing was measured of this iteration.", "ls-muted")


def _evidence(row: TableRow, about: str) -> None:
    with ui.element("div").classes("ls-stack ls-evidence"):
        with ui.element("div").classes("ls-row"):
            words("h3", row.name, "ls-grow")
            words("span", f"{row.base} → {row.now}", "ls-num")
        beside = f"; retrained {row.retrained}" if row.retrained else "; no retrained model to compare with"
        examples = f", on {row.n:,} examples" if row.n else ""
        words("p", f"Tells {about}{examples}{beside}.", "ls-small ls-muted")


def missing(findings: Findings) -> list[tuple[str, str]]:
    """Tests that were not made of a model: what each is called, and what it would tell.

    Args:
        findings: What was measured.
    """
    measured = {row.metric for row in findings.rows if row.value is not None}
    return [(name, about) for part, name, about in TESTS if not any(part in metric for metric in measured)]


def _not_shown(findings: Findings) -> None:
    for name, about in missing(findings):
        with ui.element("div").classes("ls-stack ls-evidence"):
            words("h3", name)
            words("p", f"Would tell {about}.", "ls-small ls-muted")
    words("p", "Tests can show that a trace is left; they cannot show that none is.", "ls-note")


def _section(title: str) -> ui.element:
    with ui.element("section").classes("ls-card ls-stack ls-gap-16") as section:
        section.props["aria-label"] = title
        words("h2", title)
    return section
