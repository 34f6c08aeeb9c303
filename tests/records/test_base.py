"""Every record: frozen, strict, the same after JSON and back, its fields explained in its schema."""

from __future__ import annotations

import hashlib
import inspect
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lorasteer import records
from lorasteer.errors import PlanError
from lorasteer.records import (
    ChangeRecord,
    Direction,
    Evaluation,
    Measurement,
    Plan,
    Record,
    Request,
    Settings,
    Target,
    TrainingNotes,
)

words = st.text(min_size=1, max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)
share = st.floats(0, 1)
settings = st.dictionaries(
    words, st.one_of(st.booleans(), st.integers(), finite, words, st.tuples(words, words), st.none()), max_size=4
)
targets = st.one_of(
    st.builds(Target, classes=st.lists(words, min_size=1, max_size=3).map(tuple)),
    st.builds(Target, ids=st.lists(words, min_size=1, max_size=3).map(tuple)),
    st.builds(Target, where=words),
    st.builds(Target, ids_file=words),
    st.builds(Target, random=st.integers(1, 10**9)),
)
directions = st.one_of(
    st.builds(Direction, attribute=words, values=st.lists(words, max_size=3).map(tuple), descending=st.booleans()),
    st.builds(Direction, positive=st.tuples(words), negative=st.tuples(words, words), sharpness=st.floats(0.01, 100)),
)
plans = st.builds(
    Plan, method=words, settings=settings, splits=words, weights=st.none() | st.lists(share, max_size=5).map(tuple),
    aim=st.sampled_from(["remove", "match-unseen"]), strength=st.floats(0, 1.5), seed=st.integers(0, 2**63),
    because=st.lists(words, max_size=2).map(tuple),
)  # fmt: skip
notes = st.builds(TrainingNotes, steps=st.integers(0, 10**6), seconds=st.floats(0, 1e6), reason=words)
simple_changes = st.builds(
    ChangeRecord, kind=st.sampled_from(["adapter", "weights"]), base=words, tensors=words, plan=st.none() | plans,
    strength=st.floats(0, 1.5), trainable=st.integers(0, 10**9), training=notes,
)  # fmt: skip
changes = st.one_of(
    simple_changes,
    st.builds(ChangeRecord, kind=st.just("composed"), base=words, tensors=words, parts=st.tuples(simple_changes, simple_changes)),
)
measurements = st.builds(
    Measurement, name=words, value=st.none() | finite, unit=words, n=st.integers(0, 10**9),
    better=st.sampled_from(["higher", "lower", "near-retrained", "near-ideal", "none"]), ideal=st.none() | finite, note=words,
)  # fmt: skip
requests = st.builds(
    Request, target=targets, intensity=share, direction=st.none() | directions, method=words, settings=settings,
    aim=st.sampled_from(["auto", "remove", "match-unseen"]), seed=st.integers(0, 2**63),
)  # fmt: skip
evaluations = st.builds(
    Evaluation, subject=words, splits=words, model=words, measurements=st.lists(measurements, max_size=3).map(tuple)
)
any_record = st.one_of(requests, plans, changes, evaluations)

KINDS = [kind for _, kind in inspect.getmembers(records, inspect.isclass) if issubclass(kind, Record)]


@given(any_record)
def test_json_and_back_gives_an_equal_record_with_an_equal_digest(record: Record) -> None:
    back = type(record).from_json(record.to_json())
    assert back == record
    assert back.to_json() == record.to_json()
    assert back.digest == record.digest


@given(plans, plans)
def test_digests_are_equal_just_where_the_records_are(first: Plan, second: Plan) -> None:
    assert (first.digest == second.digest) == (first.to_json() == second.to_json())


def test_the_digest_is_that_of_sorted_json() -> None:
    """sha256 of {"a": 1, "b": "é"} as UTF-8, whatever the order of the fields."""

    class Pair(Record):
        b: str
        a: int

    assert Pair(b="é", a=1).to_json() == '{"a": 1, "b": "é"}'
    assert Pair(b="é", a=1).digest == hashlib.sha256('{"a": 1, "b": "é"}'.encode()).hexdigest()


def test_every_field_counts_in_the_digest() -> None:
    plan = Plan(method="m", splits="s")
    others: list[dict[str, Any]] = [
        {"method": "n"}, {"settings": {"a": 1}}, {"splits": "t"}, {"weights": (1.0,)}, {"aim": "match-unseen"},
        {"strength": 0.5}, {"dial_to": 0.5}, {"seed": 1}, {"because": ("so",)},
    ]  # fmt: skip
    assert {next(iter(change)) for change in others} == set(Plan.model_fields)
    assert len({plan.digest, *(plan.model_copy(update=change).digest for change in others)}) == len(others) + 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_records_are_frozen_and_refuse_unknown_fields(kind: type[Record]) -> None:
    assert kind.model_config["frozen"]
    assert kind.model_config["extra"] == "forbid"


def test_a_field_cannot_be_set_after_the_fact() -> None:
    plan = Plan(method="m", splits="s")
    with pytest.raises(ValidationError, match="frozen"):
        plan.seed = 3


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_schema_explains_every_field(kind: type[Record]) -> None:
    schema = kind.model_json_schema()
    properties = schema.get("$defs", {}).get(kind.__name__, schema).get("properties", {})  # a record of parts refers to itself
    silent = [name for name, facts in properties.items() if not facts.get("description")]
    assert silent == []
    assert set(properties) == set(kind.model_fields)


def test_the_words_under_a_field_are_its_help() -> None:
    assert Plan.model_json_schema()["properties"]["splits"]["description"].startswith("Digest of the splits")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "not a Plan"),
        ('{"method": "m"}', "splits: Field required"),
        ('{"method": "m", "splits": "s", "sed": 1}', "sed: Extra inputs are not permitted, got 1"),
        ('{"method": "m", "splits": "s", "strength": 1.6}', "strength: Input should be less than or equal to 1.5, got 1.6"),
        ('{"method": "m", "splits": "s", "seed": -1}', "seed"),
        ('{"method": "m", "splits": "s", "weights": [0.5, 1.5]}', "weights.1"),
        ('{"method": "m", "splits": "s", "settings": {"learning_rate": NaN}}', "settings.learning_rate"),
    ],
)
def test_text_that_does_not_fit_is_refused_by_its_first_field(text: str, named: str) -> None:
    with pytest.raises(PlanError) as caught:
        Plan.from_json(text)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        Measurement(name="kl", value=value, unit="nats", n=1, better="lower")


def test_settings_of_a_run_are_records_too() -> None:
    class Numbers(Settings):
        rate: float = 0.1
        """How fast."""

    assert Numbers.from_json(Numbers(rate=0.2).to_json()).rate == 0.2
    assert Numbers.model_json_schema()["properties"]["rate"]["description"] == "How fast."


def test_a_measurement_is_found_by_name_or_refused_by_it() -> None:
    one = Measurement(name="kl", value=0.5, unit="nats", n=3, better="lower")
    missing = Measurement(name="js", value=None, unit="nats", n=0, better="lower", note="no retrained model")
    found = Evaluation(subject="base", splits="s", model="m", measurements=(one, missing))
    assert found["kl"] is one
    assert (found.value("kl"), found.value("js")) == (0.5, None)
    with pytest.raises(KeyError, match="'auc' was not measured; measured: kl, js"):
        found["auc"]


def test_a_target_names_exactly_one_way() -> None:
    for wrong in ({}, {"classes": ("a",), "where": "b"}, {"ids": ()}, {"random": 0}):
        with pytest.raises(ValidationError):
            Target.model_validate(wrong)


def test_a_direction_is_an_attribute_or_examples_of_both_sides() -> None:
    for wrong in ({}, {"attribute": "a", "positive": ("1",), "negative": ("2",)}, {"positive": ("1",)}, {"negative": ("1",)}):
        with pytest.raises(ValidationError):
            Direction.model_validate(wrong)


def test_a_damaged_request_is_refused_in_one_line() -> None:
    with pytest.raises(PlanError, match="not a Request: target: Value error, give exactly one of"):
        Request.from_json('{"target": {}}')
