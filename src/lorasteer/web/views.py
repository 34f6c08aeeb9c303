"""What is seen of a session from outside its process: records made once after each action, and small news while it works.

The process that works makes them; pages draw them, and the HTTP API sends them as they are. Nothing here asks a model anything.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, JsonValue

from lorasteer.records import Better, Plan, Record, Request
from lorasteer.session.feedback import ClassAccuracy, Moved

Share = Annotated[float, Field(ge=0, le=1)]


class AttributeView(Record):
    """A fact that is known of every example."""

    name: str
    """Its name."""
    values: tuple[str, ...] = ()
    """Its values, the most frequent first, 100 at most; empty for a number."""
    counts: tuple[int, ...] = ()
    """Training examples with each of them."""
    low: float | None = None
    """Smallest value of a number."""
    high: float | None = None
    """Largest value of a number."""


class Described(BaseModel):
    """A record that tells the digest of something else, and so has none of its own."""

    model_config = Record.model_config


class DataView(Described):
    """The data of a session."""

    name: str
    """How to load it again."""
    digest: str
    """Its digest."""
    classes: tuple[str, ...]
    """Names of the classes."""
    counts: tuple[int, ...]
    """Training examples of each."""
    train: int
    """Training examples."""
    test: int
    """Test examples."""
    shape: tuple[int, int, int]
    """Channels, height, width."""
    attributes: tuple[AttributeView, ...] = ()
    """Further facts of each example."""


class BaseView(Described):
    """A base model that a session can be begun on."""

    id: str
    """Opaque name of it in this workbench."""
    name: str
    """What to call it."""
    digest: str
    """Digest of its weights."""
    model: str
    """Architecture."""
    data: str
    """Data it was trained on."""
    classes: int
    """How many classes it knows."""
    names: tuple[str, ...] = ()
    """Their names, to choose from before a session is begun; empty where they are not known without opening it."""
    accuracy: Share | None = None
    """Accuracy on test examples; None where it was never measured."""
    ready: bool = True
    """False for one that is trained at the first use, such as that on digits."""
    making: Share | None = None
    """How much of that training is done; None while it does not run."""


class RunView(Record):
    """A session in the library."""

    id: str
    """Id of the run."""
    name: str
    """What a person calls it."""
    created: str
    """When it was begun, UTC, ISO 8601."""
    state: str
    """Where it stands."""
    base: str
    """Name of its base model."""
    data: str
    """Name of its data."""
    target: str = ""
    """What is forgotten, in words; empty before the first iteration."""
    iterations: int = 0
    """How many there are."""
    forgotten: Share | None = None
    """Accuracy left on what is to be forgotten, at the head."""
    retained: Share | None = None
    """Accuracy on what is retained, at the head."""
    here: bool = False
    """Whether it is open in this workbench."""


class LibraryView(Record):
    """Everything that the library page shows."""

    bases: tuple[BaseView, ...]
    """Base models."""
    runs: tuple[RunView, ...]
    """Sessions, the newest first."""


class TableRow(Record):
    """One metric: base, parent, now, retrained. Texts are ready to be shown; numbers are there for bars and bands."""

    metric: str
    """Metric, in the field's words."""
    name: str
    """The same as a heading, with the way that is good."""
    unit: str
    """`share`, `auc`, `nats` …"""
    better: Better
    """Which way is good."""
    base: str
    """The base."""
    parent: str
    """What the head is compared with; empty where that is the base."""
    now: str
    """What is in force, or looked at."""
    retrained: str
    """Retrained models with their noise floor; empty without any."""
    arrow: str
    """▲ or ▼ where the change is more than chance would explain."""
    good: bool | None
    """Whether that change is for the better; None where nothing counts or no way is good."""
    value: float | None
    """What `now` says, as a number."""
    low: float | None = None
    """Lower end of the band to aim at: retrained models and their floor, the plan's own aim, or the ideal."""
    high: float | None = None
    """Upper end of it."""
    n: int = 0
    """On how many examples."""
    help: str = ""
    """What the metric means, in a sentence."""


class Node(Record):
    """An iteration in the tree; number 0 is the base."""

    number: int
    """Its number."""
    parent: int | None
    """The one it went on from; None for the base."""
    action: str
    """What a person did; `base` for the base."""
    text: str
    """What was done, in a few words."""
    strength: float = 1.0
    """Strength of its change."""
    forgotten: Share | None = None
    """Accuracy left on what is to be forgotten."""
    retained: Share | None = None
    """Accuracy on what is retained."""
    created: str = ""
    """When it was finished, UTC, ISO 8601."""
    note: str = ""
    """Why it was done."""
    words: tuple[str, ...] = ()
    """What it changed, in sentences; empty where it has not been asked for yet."""
    request: Request | None = None
    """What was asked for; None for the base."""
    plan: Plan | None = None
    """What it was translated into; None for the base."""


class Histogram(Record):
    """Confidence in the true class: what is forgotten beside unseen examples. Equal curves are what a retrained model gives."""

    edges: tuple[float, ...]
    """Edges of the bins, one more than bins."""
    forget: tuple[float, ...]
    """Share of the forget set in each bin."""
    unseen: tuple[float, ...]
    """Share of held-out examples of the same kind in each bin."""
    unseen_are: str = ""
    """Which held-out examples they are."""


class Confusion(Record):
    """What the examples of the target are taken for."""

    classes: tuple[str, ...]
    """Answers."""
    base: tuple[float, ...]
    """Share of the target's test examples (training ones where there are none) the base takes for each."""
    now: tuple[float, ...]
    """The same for what is in force."""


class Deed(Record):
    """Who did what, when."""

    actor: str
    """Who."""
    action: str
    """What."""
    time: str
    """When, UTC, ISO 8601."""
    why: str = ""
    """Why, in their words."""


class Findings(Record):
    """What is measured of one model: an iteration, or the head at another strength."""

    number: int
    """The iteration; 0 is the base."""
    strength: float
    """The strength it was measured at."""
    compared: int
    """The iteration it is compared with."""
    rows: tuple[TableRow, ...]
    """The table."""
    classes: tuple[ClassAccuracy, ...] = ()
    """Accuracy by class."""
    examples: tuple[Moved, ...] = ()
    """Examples that changed most."""
    words: tuple[str, ...] = ()
    """What a person should not miss."""
    histogram: Histogram | None = None
    """Confidence of what is forgotten; None where it is not defined."""
    confusion: Confusion | None = None
    """What the target is taken for; None on the base."""


class SessionView(Record):
    """A session as it stands: made anew after each event."""

    id: str
    """Id of the run."""
    name: str
    """What a person calls it."""
    version: int
    """Number of the last event of its log. Every decision carries the version it was based on."""
    state: str
    """`idle`, `unlearning`, `evaluating`, `reviewing` or `closed`."""
    allowed: tuple[str, ...]
    """What a person may do now; a button for each."""
    head: int
    """The iteration in force; 0 is the untouched base."""
    base: BaseView
    """The base model."""
    data: DataView
    """The data."""
    target: str = ""
    """What is forgotten, in words."""
    forget: int = 0
    """How many training examples that are."""
    nodes: tuple[Node, ...]
    """The tree in order of time, the base first."""
    findings: Findings | None = None
    """Measurements of the head; None before the first iteration."""
    last: Deed | None = None
    """The last event."""
    error: str = ""
    """Why the last work broke off; empty when it did not."""
    found: tuple[str, ...] = ()
    """What the last search for a goal came to, in sentences; empty where nothing was searched since the session was opened."""
    waiting: str = ""
    """What the work waits for, such as another session's training; empty when it does not."""


class Progress(Record):
    """News of a training in progress; the newest is enough."""

    step: int
    """Steps taken."""
    steps: int
    """Steps there will be at most."""
    epoch: int
    """Epoch."""
    epochs: int
    """Epochs there will be at most."""
    loss: float | None
    """Loss of the step; None where it is not finite."""
    seconds: float
    """Since the start."""
    forgotten: Share | None = None
    """Accuracy on the target's points of the map, now."""
    retained: Share | None = None
    """Accuracy on the other points of the map, now."""


MapStatus = Literal["picture", "settling", "settled", "differs"]
"""A first picture; still moving; still, and true to the features; still, but not true to them."""


class MapPoints(Record):
    """Which examples the points of the map are; changes only when the target does."""

    serial: int
    """Number of this set of points; frames name the one they are of."""
    index: tuple[int, ...]
    """Place of each in the training set."""
    ids: tuple[str, ...]
    """Id of each."""
    labels: tuple[int, ...]
    """True class of each."""
    target: tuple[bool, ...]
    """Whether it is to be forgotten."""
    answers: tuple[int, ...]
    """What the base takes it for."""


class MapFrame(Record):
    """One picture of the map."""

    serial: int
    """Set of points."""
    seq: int
    """Number of the picture, counted up."""
    number: int
    """Iteration it shows, or the one it is on the way from."""
    step: int | None
    """Training step it shows; None for a finished iteration."""
    positions: str
    """Base64 of float32, little endian, x and y of each point in turn."""
    answers: str
    """Base64 of uint8 (uint16 where there are more than 256 classes): what each point is taken for."""
    status: MapStatus
    """Whether it can be believed."""
    space: str
    """Of what it is a map, in words: features before the last layer, or answers."""
    purity_map: float | None = None
    """Share of a target point's 10 neighbours on the map that are of its class."""
    purity_features: float | None = None
    """The same in the space that is mapped."""
    words: str = ""
    """The two compared, in a sentence."""


class Crash(Record):
    """The process that works has died; the session stands at its last complete iteration."""

    words: str
    """What is known of it, and what to do."""
    exitcode: int | None = None
    """How it ended."""


class Preview(Record):
    """What a request would do, before it is done."""

    wording: str
    """Target and direction in words."""
    forget: int
    """Training examples it selects."""
    plan: Plan
    """What it is translated into."""
    promised: Share | None = None
    """Share of the base's accuracy on the forget set that this intensity is to leave; None where it promises nothing."""


class ExampleView(Record):
    """One example with what is answered to it."""

    index: int
    """Place in the training set."""
    id: str
    """Id."""
    label: str
    """True class."""
    attributes: dict[str, JsonValue] = {}
    """Further facts."""
    before: str = ""
    """What the base answers."""
    after: str = ""
    """What the head answers."""
    sure_before: Share | None = None
    """Probability of the first."""
    sure_after: Share | None = None
    """Probability of the second."""


class Export(Record):
    """Something to take away."""

    file: str
    """Name of the file to download."""
    bytes: int
    """Its size."""
    words: str
    """What it is and how it is loaded."""
