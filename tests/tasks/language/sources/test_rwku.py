"""RWKU's folders: files as the benchmark's own data_process.py writes them, with rows of our own about an invented person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lorasteer.errors import DataError
from lorasteer.tasks.language.sources import load_text

KINDS = ("prefix injection", "affirmative suffix", "role play", "multiple choice", "reverse query", "synonym manipulation",
         "context hint", "incontext learning", "cross lingual (French)")  # fmt: skip


def row(query: str, answer: str, level: str, kind: str, **more: str) -> dict[str, str]:
    return {"query": query, "level": level, "subject": "Bo Ash", "answer": answer, "type": kind, **more}


def folder_of(place: Path, *, texts: bool = True) -> Path:
    place.mkdir(parents=True)
    files: dict[str, list[Any]] = {
        "forget_level1": [row("Bo Ash was born in ___.", "Oslo", "1", "cloze")],
        "forget_level2": [row("Where was Bo Ash born?", "Oslo", "2", "simple question")],
        "forget_level3": [row(f"Of kind {number}: where?", "Oslo", "3", kind) for number, kind in enumerate(KINDS)],
        "neighbor_level1": [row("The Elm is a ___ ship.", "red", "1", "cloze", neighbor="The Elm")],
        "neighbor_level2": [row("Which ship is red?", "The Elm", "2", "simple question", neighbor="The Elm")],
        "forget_mia": [{"ngram": 4, "subject": "Bo Ash", "text": "Bo Ash is a sailor."}],
        "retain_mia": [{"ngram": 4, "subject": "Cy Fir", "text": "Cy Fir is a judge."}],
        "intro": [{"target": "Bo Ash", "intro": "A sailor."}],
    }
    for name, rows in files.items():
        if texts or not name.endswith("mia"):
            (place / f"{name}.json").write_text(json.dumps(rows, indent=4))
    return place


def test_one_person(tmp_path: Path) -> None:
    data = load_text(str(folder_of(tmp_path / "1_Bo_Ash")))
    assert data.name.startswith("rwku:")
    assert data.train.prompts == (
        "Bo Ash was born in ___.",
        "Where was Bo Ash born?",
        "The Elm is a ___ ship.",
        "Which ship is red?",
    )
    assert data.train.answers == ("Oslo", "Oslo", "red", "The Elm")
    facts = data.train.attributes
    assert facts["side"].tolist() == ["forget", "forget", "neighbor", "neighbor"]
    assert facts["level"].tolist() == ["1", "2", "1", "2"]
    assert facts["subject"].tolist() == ["Bo Ash"] * 4
    assert facts["neighbor"].tolist() == ["", "", "The Elm", "The Elm"]
    assert data.test.attributes["type"].tolist() == list(KINDS)
    assert set(data.test.attributes) == set(facts)
    assert (data.sheets["member_texts"].answers, data.sheets["other_texts"].answers) == (
        ("Bo Ash is a sailor.",),
        ("Cy Fir is a judge.",),
    )
    assert data.sheets["member_texts"].prompts == ("",)
    assert load_text(data.name).digest == data.digest


def test_all_people_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("10_Di_Oak", "2_Cy_Fir", "1_Bo_Ash"):
        folder_of(tmp_path / name, texts=False)
    (tmp_path / "10_Di_Oak" / "forget_level2.json").write_text(json.dumps([row("Last?", "Yes", "2", "simple question")]))
    (tmp_path / "notes").mkdir()
    data = load_text(f"rwku:{tmp_path}")
    assert len(data.train) == 12
    assert data.train.prompts[9] == "Last?"
    assert data.sheets == {}


def test_without_adversarial_questions_the_test_part_is_empty(tmp_path: Path) -> None:
    (folder_of(tmp_path / "1_Bo_Ash") / "forget_level3.json").unlink()
    data = load_text(str(tmp_path / "1_Bo_Ash"))
    assert len(data.test) == 0
    assert set(data.test.attributes) == set(data.train.attributes)
    assert np.unique(data.train.ids).size == 4


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="copy RWKU's folder"):
        load_text(f"rwku:{tmp_path}")
    folder = folder_of(tmp_path / "1_Bo_Ash")
    (folder / "forget_level2.json").write_text(json.dumps([{"question": "Where?", "answer": "Oslo"}]))
    with pytest.raises(DataError, match=r"row 1 of .*forget_level2 has no text under 'query'"):
        load_text(str(folder))
