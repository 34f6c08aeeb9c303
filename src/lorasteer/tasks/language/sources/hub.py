"""Any table of prompts and answers that `datasets` loads: a hub id, parquet files, or a data set saved to disk."""

from __future__ import annotations

from lorasteer.errors import DataError, choices
from lorasteer.tasks.language.data import TextData, TextExamples, no_examples
from lorasteer.tasks.language.sources.assemble import PROMPTS, TestShare, drawn, examples_of, in_other_words, numbered_ids
from lorasteer.tasks.language.sources.catalog import TEXT_SOURCES
from lorasteer.tasks.vision.sources.assemble import Seed
from lorasteer.tasks.vision.sources.hub import is_for_datasets, load_splits, split_named


@TEXT_SOURCES.add(
    "hub",
    example="hub:owner/name",
    reads="a data set id, a .parquet file or a folder of them, or a folder written by save_to_disk",
    recognises=is_for_datasets,
)
def hub(
    location: str,
    *,
    config: str | None = None,
    prompt_column: str = "",
    answer_column: str = "answer",
    train_split: str = "train",
    test_split: str = "",
    test_share: TestShare = 0.0,
    seed: Seed = 0,
) -> TextData:
    """Any table of prompts and answers that the `datasets` library loads by id or from a local path.

    Args:
        location: Hub id, file or folder.
        config: Configuration of the data set, where it has several.
        prompt_column: Column of the prompts; `prompt` or `question` when left out.
        answer_column: Column of the answers.
        train_split: Split that becomes the training part.
        test_split: Split that becomes the test part. Without one, rows that carry a `paraphrased_question` are asked that way.
        test_share: Share of the rows drawn for the test part, where there is neither.
        seed: Seed of that choice.
    """
    splits = load_splits(location, config)
    table = split_named(splits, train_split)
    columns = list(table.features)
    prompt = prompt_column or next((name for name in PROMPTS if name in columns), "")
    for option, name in (("prompt_column", prompt), ("answer_column", answer_column)):
        if name not in columns:
            raise DataError(f"{option} {name!r} is not in the data set. {choices(name, columns)} Choose with {option}=.")

    def read(split: str, part: str) -> TextExamples:
        rows = list(split_named(splits, split))
        return examples_of(rows, numbered_ids(part, len(rows)), f"{location} ({split})", prompt=prompt, answer=answer_column)

    train = read(train_split, "train")
    if test_split:
        return TextData("hub", train, read(test_split, "test"))
    asked, names = in_other_words(list(table), [str(name) for name in train.ids])
    if asked:
        return TextData("hub", train, examples_of(asked, names, location, answer=answer_column))
    return TextData("hub", *drawn(train, test_share, seed)) if test_share else TextData("hub", train, no_examples(train))
