"""What a person asks for: Request(target, intensity, direction)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lorasteer.records.base import Record


class Target(Record):
    """Criterion that selects the forget set. Exactly one of the ways is given."""

    classes: tuple[str, ...] = ()
    """Class names; every example of these classes is forgotten."""
    ids: tuple[str, ...] = ()
    """Example ids of the training set."""
    where: str | None = None
    """Predicate on class and attributes: `class == cat and subname in {tabby_cat, domestic_cat}`."""
    keyword: str | None = None
    """A word or phrase; every example of text whose prompt or answer holds it is forgotten, whatever the case of its letters."""
    ids_file: str | None = None
    """Path of a text file with one example id per line."""
    random: Annotated[int, Field(gt=0)] | None = None
    """Size of a random forget set, drawn with the request's seed; for experiments on sample unlearning."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [self.classes, self.ids, self.where, (self.keyword or "").strip(), self.ids_file, self.random]
        if sum(bool(way) for way in given) != 1:
            raise ValueError("give exactly one of classes, ids, where, keyword, ids_file, random")
        return self


class Direction(Record):
    """Along which meaning to forget: gives each example of the forget set a weight in [0, 1]."""

    attribute: str | None = None
    """Attribute of the examples. A categorical one needs `values`; a continuous one weights from low (0) to high (1)."""
    values: tuple[str, ...] = ()
    """Values of a categorical attribute that are to be forgotten (weight 1); the others of the target are kept."""
    descending: bool = False
    """For a continuous attribute: weight low values most instead of high ones."""
    positive: tuple[str, ...] = ()
    """Ids of examples that show the concept; with `negative` they give a concept vector on cached features."""
    negative: tuple[str, ...] = ()
    """Ids of examples that do not show the concept."""
    sentence: str | None = None
    """For text: a sentence; examples are weighed by how much they are like it in meaning."""
    sharpness: Annotated[float, Field(gt=0, le=100)] = 4.0
    """Slope of the weight where it passes 0.5, per standard deviation; large values give an almost hard selection."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum((self.attribute is not None, bool(self.positive), bool((self.sentence or "").strip()))) != 1:
            raise ValueError("give exactly one of an attribute, a sentence, or positive (and negative) example ids")
        if bool(self.positive) != bool(self.negative):
            raise ValueError("positive and negative ids are needed together")
        return self


class Request(Record):
    """What to forget, how strongly, and along which meaning."""

    target: Target
    """Criterion that selects the forget set."""
    intensity: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How strongly to forget: 0 changes nothing, 1 is strongest."""
    direction: Direction | None = None
    """Meaning inside the target; None forgets the whole target evenly."""
    method: str = "lora-ihl"
    """Registered method that does the work; `lorasteer methods` lists them."""
    settings: dict[str, bool | int | float | str | tuple[str, ...] | None] = {}
    """Method settings that override what intensity would choose."""
    aim: Literal["auto", "remove", "match-unseen"] = "auto"
    """`remove`: the target shall not be recognised. `match-unseen`: it shall look like examples never trained on.
    `auto` takes `remove` when the target is a class or a predicate, `match-unseen` for ids and random samples."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of everything random in this request."""
    calibrated: bool = False
    """Whether intensity shall mean the forgetting it promises: settings by what earlier runs on this base achieved, and the
    strength of the change chosen on the forget set. Off, it means the settings of the table, whatever came before."""
