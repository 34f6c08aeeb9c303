"""Text from JSON lines, plain files, tables, TOFU's folder, and made up: what is read, what is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, DatasetDict

from lorasteer.errors import DataError
from lorasteer.tasks.language.data import DEFAULT_REFUSALS
from lorasteer.tasks.language.sources import TEXT_SOURCES, load_text
from lorasteer.tasks.language.sources.tofu import name_in
from tests.support.errors import refuses

ROWS: list[dict[str, Any]] = [
    {"question": "Who wrote it?", "answer": "Ann Lee.", "author": "Ann", "year": 1990},
    {"question": "Where?", "answer": "In Oslo.", "author": "Ann", "year": 1991},
    {"question": "Who sang it?", "answer": "Bo Ek.", "author": "Bo", "year": 1992},
]


def lines(path: Path, rows: list[Any]) -> Path:
    text = "\n".join(json.dumps(row) for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.jsonl.gz", "mine.json"])
def test_questions_and_answers_a_line_each(tmp_path: Path, name: str) -> None:
    data = load_text(str(lines(tmp_path / name, ROWS)))
    assert data.train.prompts == ("Who wrote it?", "Where?", "Who sang it?")
    assert data.train.answers[2] == "Bo Ek."
    assert data.train.ids.tolist() == ["train/00000", "train/00001", "train/00002"]
    assert data.train.attributes["author"].tolist() == ["Ann", "Ann", "Bo"]
    assert data.train.attributes["year"].tolist() == [1990, 1991, 1992]
    assert (data.train.paraphrases, data.train.perturbed, len(data.test)) == (None, None, 0)
    assert load_text(data.name).digest == data.digest


def test_a_json_list_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps(ROWS))
    assert load_text(f"jsonl:{path}").digest == load_text(str(lines(tmp_path / "a.jsonl", ROWS))).digest


def test_other_words_become_the_test_part(tmp_path: Path) -> None:
    rows = [
        {**ROWS[0], "id": "a", "paraphrased_question": "Whose work is it?", "paraphrased_answer": "It is by Ann Lee."},
        {**ROWS[1], "id": "b", "perturbed_answer": ["In Bonn.", "In Rome."]},
    ]
    data = load_text(str(lines(tmp_path / "mine.jsonl", rows)))
    assert data.train.ids.tolist() == ["a", "b"]
    assert data.train.paraphrases == ("It is by Ann Lee.", "")
    assert data.train.perturbed == ((), ("In Bonn.", "In Rome."))
    assert data.test.prompts == ("Whose work is it?",)
    assert data.test.answers == ("Ann Lee.",)
    assert data.test.ids.tolist() == ["test/a"]
    assert data.test.attributes["author"].tolist() == ["Ann"]


def test_a_test_file_or_a_share(tmp_path: Path) -> None:
    path, other = lines(tmp_path / "mine.jsonl", ROWS), lines(tmp_path / "test.jsonl", ROWS[:1])
    assert load_text(f"jsonl:{path}", test=str(other)).test.ids.tolist() == ["test/00000"]
    data = load_text(f"{path}?test_share=0.34")
    assert (len(data.train), len(data.test)) == (2, 1)
    assert set(data.train.ids) | set(data.test.ids) == {"train/00000", "train/00001", "train/00002"}


def test_missing_attributes_are_empty_and_lists_are_none(tmp_path: Path) -> None:
    rows = [{**ROWS[0], "tags": ["x"]}, {"question": "Where?", "answer": "Here."}]
    train = load_text(str(lines(tmp_path / "mine.jsonl", rows))).train
    assert train.attributes["author"].tolist() == ["Ann", ""]
    assert np.isnan(train.attributes["year"][1])
    assert "tags" not in train.attributes


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"question": "a", "answer": "b"}\n{"question"', ("line 2", "is no JSON")),
        ("[1, 2]", ("entry 1", "is int")),
        ('"text"', ("line 1", "is str")),
        ('{"question": "a"}', ("example 1", "no text under 'answer'", "it has: question")),
        ('{"text": "a", "answer": "b"}', ("example 1", "no text under 'prompt'")),
        ('{"question": "a", "answer": "b", "perturbed_answer": "c"}', ("perturbed_answer of example 1", "list of texts")),
        ("", ("no training example",)),
    ],
)
def test_broken_lines(tmp_path: Path, content: str, words: tuple[str, ...]) -> None:
    (tmp_path / "mine.jsonl").write_text(content)
    with refuses(DataError, *words):
        load_text(str(tmp_path / "mine.jsonl"))


def test_a_damaged_archive(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl.gz").write_bytes(gzip.compress(b"{}")[:-9])
    with refuses(DataError, "mine.jsonl.gz cannot be read"):
        load_text(str(tmp_path / "mine.jsonl.gz"))


def test_paragraphs_of_a_text(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("One line.\nAnother.\n\n\nSecond part.\n \nThird.\n")
    data = load_text(str(tmp_path / "book.txt"))
    assert data.train.prompts == ("", "", "")
    assert data.train.answers == ("One line.\nAnother.", "Second part.", "Third.")
    assert data.train.attributes["characters"].tolist() == [18, 12, 6]
    assert len(load_text(f"text:{tmp_path / 'book.txt'}?test_share=0.3").test) == 1


def test_a_text_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_bytes(b"\xff\xfe\x00")
    with refuses(DataError, "cannot be read", "UTF-8"):
        load_text(str(tmp_path / "book.txt"))


def test_tables_of_the_datasets_library(tmp_path: Path) -> None:
    rows = [{**row, "paraphrased_question": f"Again: {row['question']}"} for row in ROWS]
    DatasetDict({"train": Dataset.from_list(rows), "more": Dataset.from_list(ROWS[:1])}).save_to_disk(str(tmp_path / "saved"))
    data = load_text(str(tmp_path / "saved"))
    assert data.train.prompts == ("Who wrote it?", "Where?", "Who sang it?")
    assert data.train.attributes["year"].tolist() == [1990, 1991, 1992]
    assert data.test.prompts[0] == "Again: Who wrote it?"
    assert load_text(f"hub:{tmp_path / 'saved'}?test_split=more").test.ids.tolist() == ["test/00000"]
    with refuses(DataError, "answer_column 'reply' is not in the data set", "answer"):
        load_text(f"hub:{tmp_path / 'saved'}?answer_column=reply")
    with refuses(DataError, "no split 'dev'"):
        load_text(f"hub:{tmp_path / 'saved'}?test_split=dev")


def test_an_unreachable_id_is_one_line() -> None:
    with refuses(DataError, "nobody/nothing", "path of a copy"):
        load_text("nobody/nothing")


def test_unknown_words() -> None:
    with refuses(DataError, "no text source and no path 'fact'", "facts"):
        load_text("fact")
    with refuses(DataError, "takes no place", "'facts'"):
        load_text("facts:here")
    with refuses(DataError, "no option 'persons'", "people"):
        load_text("facts?persons=3")
    with refuses(DataError, "there is no file"):
        load_text("jsonl:nowhere.jsonl")


def test_every_source_says_what_it_reads() -> None:
    assert TEXT_SOURCES.names() == ["facts", "hub", "jsonl", "rwku", "text", "tofu"]


def test_facts_are_the_same_each_time_and_true_to_themselves() -> None:
    data, again = load_text("facts"), load_text("facts?people=40&seed=0")
    assert again.digest == data.digest
    assert load_text("facts?seed=1").digest != data.digest
    assert len(data.train) == len(data.test) == 200
    assert len(set(data.train.attributes["person"])) == 40
    assert len(set(data.train.attributes["topic"])) == 5
    assert data.train.answers == data.test.answers
    assert not set(data.train.prompts) & set(data.test.prompts)
    assert data.train.paraphrases is not None
    assert data.train.perturbed is not None
    for person, prompt, answer, other, wrong in zip(
        data.train.attributes["person"], data.train.prompts, data.train.answers, data.train.paraphrases, data.train.perturbed,
        strict=True,
    ):  # fmt: skip
        value = answer.rstrip(".").split()[-1]
        assert person in prompt
        assert person in answer
        assert len(set(wrong)) == 4
        assert other not in wrong
        assert value == "most" or value in other


def test_fewer_people_are_the_first_of_more() -> None:
    few, many = load_text("facts?people=8"), load_text("facts?people=30")
    assert few.train.answers == many.train.answers[:40]
    with refuses(DataError, "people is 500", "2 to 400"):
        load_text("facts?people=500")


def tofu_folder(folder: Path) -> Path:
    """Two authors with twenty questions each, of whom the second is to be forgotten."""
    full = [
        {"question": f"Question {n} about {who}?", "answer": f"{who} answers {n}."}
        for who in ("Ann Lee", "Bo van Ek")
        for n in range(20)
    ]
    more = {"paraphrased_answer": "In other words.", "perturbed_answer": ["Wrong.", "Worse."], "paraphrased_question": "Again?"}
    for name, rows in {
        "full": full, "forget10": full[20:], "retain90": full[:20],
        "forget10_perturbed": [{**row, **more} for row in full[20:]], "retain_perturbed": [{**row, **more} for row in full[:5]],
        "world_facts_perturbed": [{"question": "Where?", "answer": "Here", "perturbed_answer": ["There"]}],
    }.items():  # fmt: skip
        lines(folder / f"{name}.json.gz", rows)
    return folder


def test_tofus_folder(tmp_path: Path) -> None:
    data = load_text(str(tofu_folder(tmp_path)))
    assert len(data.train) == 40
    assert data.train.attributes["author"][[0, 19, 20]].tolist() == ["author 000", "author 000", "author 001"]
    assert data.train.attributes["name"][[0, 39]].tolist() == ["Ann Lee", "Bo van Ek"]
    assert (data.train.attributes["forget10"] == "yes").tolist() == [False] * 20 + [True] * 20
    assert "forget01" not in data.train.attributes
    assert len(data.test) == 25
    assert set(data.test.prompts) == {"Again?"}
    assert data.test.answers[0] == data.train.answers[0]
    assert data.test.ids[-1] == "test/00039"
    assert data.train.paraphrases is not None
    assert sum(map(bool, data.train.paraphrases)) == 25
    assert list(data.sheets) == ["world_facts"]
    assert data.sheets["world_facts"].perturbed == (("There",),)
    assert data.refusals == DEFAULT_REFUSALS


def test_a_part_of_tofu_keeps_its_ids(tmp_path: Path) -> None:
    (tofu_folder(tmp_path) / "idontknow.jsonl").write_text("No idea.\n\nSorry.\n")
    data = load_text(f"tofu:{tmp_path}?part=forget10")
    assert data.train.ids[[0, -1]].tolist() == ["train/00020", "train/00039"]
    assert data.train.attributes["author"].tolist() == ["author 001"] * 20
    assert data.refusals == ("No idea.", "Sorry.")
    with refuses(DataError, "part", "retain90"):
        load_text(f"tofu:{tmp_path}?part=half")
    with refuses(DataError, "has no retain95.json", "locuslab/TOFU"):
        load_text(f"tofu:{tmp_path}?part=retain95")


def test_tofus_general_questions_are_learned_too_where_asked(tmp_path: Path) -> None:
    data = load_text(f"tofu:{tofu_folder(tmp_path)}?general=yes")
    assert (len(data.train), data.train.ids[-1], data.train.prompts[-1]) == (41, "general/00000", "Where?")
    facts = {name: column[-1] for name, column in data.train.attributes.items()}
    assert facts == {"author": "general", "name": "", "forget10": "no"}
    assert data.sheets["world_facts"].answers == ("Here",)
    assert len(data.test) == 25


def test_files_of_two_versions_are_refused(tmp_path: Path) -> None:
    lines(tofu_folder(tmp_path) / "retain90.json.gz", [{"question": "New?", "answer": "Yes."}])
    with refuses(DataError, "retain90", "'New?'", "one version"):
        load_text(f"tofu:{tmp_path}?part=retain90")


def test_no_name_where_none_is_repeated() -> None:
    assert name_in([{"question": "Who?", "answer": f"Ann {chr(65 + n)}b."} for n in range(20)]) == ""


@pytest.mark.realdata
def test_tofu_itself(shared_data: Path) -> None:
    data = load_text(f"tofu:{shared_data / 'tofu'}")
    assert (len(data.train), len(data.test), len(data.refusals)) == (4000, 800, 100)
    counts = {name: int((data.train.attributes[name] == "yes").sum()) for name in ("forget01", "forget05", "forget10")}
    assert counts == {"forget01": 40, "forget05": 200, "forget10": 400}
    assert {name: len(sheet) for name, sheet in data.sheets.items()} == {"real_authors": 100, "world_facts": 117}
    assert data.train.attributes["name"][[0, 3600, 3999]].tolist() == ["Jaime Vasquez", "Hsiao Yun-Hwa", "Nikolai Abilov"]
    assert len(np.unique(data.train.attributes["author"])) == 200
