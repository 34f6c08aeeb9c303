"""Options that several commands share, and groups of them. What a field of a record means is told by the record itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from lorasteer.records import Direction, Record, Request, Target


def told(kind: type[Record], field: str) -> str:
    """Help for a field: its docstring, in one line."""
    return " ".join(str(kind.model_fields[field].description).replace("`", "").split())


BaseFolder = Annotated[Path, typer.Argument(metavar="BASE", help="Folder of a base model, from `lorasteer train`.")]
Data = Annotated[
    str | None, typer.Option("--data", metavar="SPEC", help="Where the data lies now; as the base recorded it when left out.")
]
Store = Annotated[
    Path | None, typer.Option("--store", metavar="FOLDER", help="Folder of the runs; the user's own when left out.")
]
Cache = Annotated[
    Path | None,
    typer.Option("--cache", metavar="FOLDER", help="Folder of activations and retrained models; the user's own when left out."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a result that the folder holds.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting by name; can be repeated.")]

Forget = Annotated[list[str] | None, typer.Option("--forget", metavar="CLASS", help="Class to forget; can be repeated.")]
Where = Annotated[str | None, typer.Option("--where", metavar="EXPRESSION", help=told(Target, "where"))]
Keyword = Annotated[str | None, typer.Option("--keyword", metavar="WORD", help=told(Target, "keyword"))]
Ids = Annotated[str | None, typer.Option("--ids", metavar="ID,ID", help="Ids of training examples, with commas between.")]
IdsFile = Annotated[Path | None, typer.Option("--ids-file", metavar="FILE", help=told(Target, "ids_file"))]
Random = Annotated[int | None, typer.Option("--random", metavar="N", help=told(Target, "random"))]

Attribute = Annotated[str | None, typer.Option("--direction-attribute", metavar="NAME", help=told(Direction, "attribute"))]
Values = Annotated[
    list[str] | None,
    typer.Option("--direction-value", metavar="VALUE", help=f"{told(Direction, 'values')} Can be repeated."),
]
Descending = Annotated[bool, typer.Option("--descending", help=told(Direction, "descending"))]
Positive = Annotated[str | None, typer.Option("--positive", metavar="ID,ID", help=told(Direction, "positive"))]
Negative = Annotated[str | None, typer.Option("--negative", metavar="ID,ID", help=told(Direction, "negative"))]
Sentence = Annotated[str | None, typer.Option("--sentence", metavar="TEXT", help=told(Direction, "sentence"))]

Intensity = Annotated[float, typer.Option("--intensity", help=told(Request, "intensity"))]
Method = Annotated[str, typer.Option("--method", metavar="NAME", help=told(Request, "method"))]
Aim = Annotated[str, typer.Option("--aim", help=told(Request, "aim"))]
Seed = Annotated[int, typer.Option("--seed", help=told(Request, "seed"))]
Strength = Annotated[
    float | None, typer.Option("--strength", help="Scale of the finished change, 0 to 1.5; as planned when left out.")
]
Retrained = Annotated[
    int | None,
    typer.Option(
        "--retrained",
        metavar="N",
        help="Number of retrained models to compare with, trained where the cache has none; those in the cache when left out.",
    ),
]
Suite = Annotated[
    str, typer.Option("--suite", metavar="NAME", help="How much is measured: quick, or for text full, with written answers.")
]
Compare = Annotated[
    list[Path] | None,
    typer.Option(
        "--compare", metavar="FOLDER", help="Retrained model to compare with, from `lorasteer retrain`; can be repeated."
    ),
]


Task = Annotated[
    str, typer.Option("--task", metavar="NAME", help="What the model works on: vision, language or text-classification.")
]
Chat = Annotated[bool, typer.Option("--chat", help="Text: ask through the tokenizer's chat template.")]
System = Annotated[str | None, typer.Option("--system", metavar="TEXT", help="Text: system message of the chat.")]
Truncate = Annotated[bool, typer.Option("--truncate", help="Text: cut an answer that is too long instead of refusing it.")]
MaxLength = Annotated[
    int | None, typer.Option("--max-length", metavar="N", help="Text: tokens of one example at most; what the model reads else.")
]
PromptTemplate = Annotated[
    str | None,
    typer.Option("--prompt-template", metavar="TEXT", help="Text before an answer; {prompt} stands for the prompt."),
]
AnswerTemplate = Annotated[
    str | None, typer.Option("--answer-template", metavar="TEXT", help="Text of an answer; {answer} stands for it.")
]


@dataclass(frozen=True)
class TextWords:
    """How a language model's text is written and read."""

    prompt_template: PromptTemplate = None
    answer_template: AnswerTemplate = None
    chat: Chat = False
    system: System = None
    max_length: MaxLength = None
    truncate: Truncate = False


@dataclass(frozen=True)
class TargetWords:
    """What to forget, named in one of several ways."""

    forget: Forget = None
    where: Where = None
    keyword: Keyword = None
    ids: Ids = None
    ids_file: IdsFile = None
    random: Random = None


@dataclass(frozen=True)
class DirectionWords:
    """A meaning inside the target."""

    attribute: Attribute = None
    value: Values = None
    descending: Descending = False
    positive: Positive = None
    negative: Negative = None
    sentence: Sentence = None


@dataclass(frozen=True)
class RequestWords:
    """A whole request."""

    target: TargetWords = TargetWords()
    intensity: Intensity = 0.5
    direction: DirectionWords = DirectionWords()
    method: Method = "lora-ihl"
    setting: Set = None
    aim: Aim = "auto"
    seed: Seed = 0


@dataclass(frozen=True)
class Models:
    """Retrained models to compare with."""

    retrained: Retrained = None
    compare: Compare = None


@dataclass(frozen=True)
class Places:
    """Where things lie."""

    data: Data = None
    store: Store = None
    cache: Cache = None
