"""Predicates against plain Python, and a clear line for each thing that cannot be understood."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorasteer.errors import RequestError
from lorasteer.steer.predicate import parse, select

COLUMNS = {
    "class": np.array(["cat", "dog", "fire truck", "not", "cat", "7"]),
    "sub name": np.array(["a", 'b"c', "it's", "a", "\\", "é"]),
    "slant": np.array([-1.5, 0.0, 0.25, 1e-3, 7.0, np.nan]),
    "year": np.array([1999, 2001, 2001, 7, -3, 0]),
    "sharp": np.array([True, False, False, True, True, False]),
}
WORDS = {name: [str(value) for value in np.unique(column)] for name, column in COLUMNS.items() if column.dtype.kind == "U"}


@st.composite
def comparisons(draw: st.DrawFn) -> tuple[str, list[bool]]:
    """A comparison as text and what plain Python says of each example."""
    name = draw(st.sampled_from(sorted(COLUMNS)))
    values = COLUMNS[name].tolist()
    spelled = draw(st.booleans()) and name.isidentifier()
    column = name if spelled else json.dumps(name)
    number = isinstance(values[0], float) or type(values[0]) is int
    word = (
        (lambda v: str(v).lower())
        if isinstance(values[0], bool)
        else (str if number else lambda v: json.dumps(v, ensure_ascii=False))
    )
    known = [value for value in values if value == value]
    if number and draw(st.booleans()):
        bound = draw(st.integers(-3, 2002) | st.floats(-2, 8).map(lambda x: round(x, 3)))
        sign = draw(st.sampled_from(["<", "<=", ">", ">="]))
        rule = {"<": bound.__gt__, "<=": bound.__ge__, ">": bound.__lt__, ">=": bound.__le__}[sign]
        return f"{column} {sign} {bound}", [
            rule(value) is True or (type(bound) is int and _order(value, sign, bound)) for value in values
        ]
    if draw(st.booleans()):
        one, sign = draw(st.sampled_from(known)), draw(st.sampled_from(["==", "!="]))
        return f"{column}{sign}{word(one)}", [(value == one) == (sign == "==") for value in values]
    some, negated = draw(st.lists(st.sampled_from(known), min_size=1, max_size=4)), draw(st.booleans())
    listed = ", ".join(word(value) for value in some)
    return f"{column} {'not in' if negated else 'in'} {{{listed}}}", [(value in some) != negated for value in values]


def _order(value: float, sign: str, bound: float) -> bool:
    return {"<": value < bound, "<=": value <= bound, ">": value > bound, ">=": value >= bound}[sign]


def joined(parts: st.SearchStrategy[tuple[str, list[bool]]]) -> st.SearchStrategy[tuple[str, list[bool]]]:
    """Bigger expressions; every part is bracketed, so that the reference need not know what binds tighter."""
    pairs = st.tuples(parts, parts)
    return st.one_of(
        parts.map(lambda p: (f"not ({p[0]})", [not v for v in p[1]])),
        pairs.map(lambda p: (f"({p[0][0]}) and ({p[1][0]})", [a and b for a, b in zip(p[0][1], p[1][1], strict=True)])),
        pairs.map(lambda p: (f"({p[0][0]}) or ({p[1][0]})", [a or b for a, b in zip(p[0][1], p[1][1], strict=True)])),
    )


@given(st.recursive(comparisons(), joined, max_leaves=8))
def test_any_expression_selects_what_plain_python_selects(case: tuple[str, list[bool]]) -> None:
    text, expected = case
    assert select(text, COLUMNS).tolist() == expected


@given(comparisons(), comparisons(), comparisons())
def test_not_binds_tighter_than_and_than_or(a, b, c) -> None:
    flat = select(f"{a[0]} or not {b[0]} and {c[0]}", COLUMNS)
    assert flat.tolist() == [x or (not y and z) for x, y, z in zip(a[1], b[1], c[1], strict=True)]


def outcome(text: str) -> str:
    """The mask as text, or the refusal."""
    try:
        return str(select(text, {"a": np.array(["b", "c"])}).tolist())
    except RequestError as error:
        return str(error)


MASKS = {str([one, two]) for one in (True, False) for two in (True, False)}


@given(st.text(alphabet="abc =!<>(){},'\"\\andornti1.", max_size=30))
def test_any_text_is_selected_or_refused_in_one_line(text: str) -> None:
    answer = outcome(text)
    assert answer in MASKS or answer.endswith(".")
    assert "\n" not in answer


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a column name at position 1, got the end. Write for example class == cat."),
        ("class cat", "expected ==, !=, <, <=, >, >= or in at position 7, got 'cat'"),
        ("class = cat", "cannot read '=' at position 7. Write == for equality."),
        ("class == cat & year > 3", "cannot read '&' at position 14. Write and."),
        ("class == cat | year > 3", "cannot read '|' at position 14. Write or."),
        ("!class == cat", "cannot read '!' at position 1. Write not"),
        ("class == 'cat", 'cannot read "\'" at position 10. Close the quotation mark.'),
        ("class == ca;t", "cannot read ';' at position 12. Quote names"),
        ("class == cat dog", "expected 'and', 'or' or the end at position 14, got 'dog'"),
        ("0 < year < 5", "expected 'and', 'or' or the end at position 10, got '<'. Join comparisons"),
        ("class == ", "expected a value at position 10, got the end"),
        ("class == and", "expected a value at position 10, got 'and'"),
        ("(class == cat", "expected ')' at position 14, got the end. Close the bracket."),
        ("class in cat", "expected '{' at position 10, got 'cat'. Write a set as {first, second}."),
        ("class in {cat dog}", "expected '}' at position 15, got 'dog'"),
        ("class in {}", "expected a value at position 11, got '}'"),
        ("class not cat", "expected ==, !=, <, <=, >, >= or in at position 11, got 'cat'"),
        ("(" * 60 + "year > 3", "nests deeper than 50 levels"),
        (
            "clas == cat",
            "unknown column 'clas' at position 1. Did you mean 'class'? Allowed: class, sub name, slant, year, sharp.",
        ),
        ("year > 3 and clas == cat", "unknown column 'clas' at position 14"),
        ("class == cta", "column 'class' has no value 'cta'. Did you mean 'cat'? Allowed: 7, cat, dog, fire truck, not."),
        ("class in {cat, dgo}", "column 'class' has no value 'dgo'. Did you mean 'dog'?"),
        ("year == 2000", "column 'year' has no value '2000'. Did you mean '2001'?"),
        ("class < cat", "column 'class' holds names, which '<' cannot order. Use ==, != or in {…}."),
        ("slant > steep", "column 'slant' holds numbers, got 'steep'. Compare it with a number such as 0.5."),
        ("slant == steep", "column 'slant' holds numbers, got 'steep'"),
        ("sharp == yes", "column 'sharp' has no value 'yes'. Allowed: false, true."),
    ],
)
def test_what_cannot_be_understood_gets_one_clear_line(text: str, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        select(text, COLUMNS)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_number_that_never_occurs_is_answered_with_the_range() -> None:
    columns = {"slant": np.linspace(-1, 1, 100)}
    with pytest.raises(RequestError, match=r"no value 0\.5; it runs from -1 to 1\. Compare with < or >= instead\."):
        select("slant == 0.5", columns)


def test_the_known_columns_decide_which_values_may_be_named() -> None:
    train, test = {"kind": np.array(["rare", "common"])}, {"kind": np.array(["common", "common"])}
    assert select("kind != rare", test, known=train).tolist() == [True, True]
    with pytest.raises(RequestError, match="has no value 'rare'"):
        select("kind == rare", test)


def test_single_precision_columns_meet_numbers_written_by_hand() -> None:
    assert select("x in {0.1, 3}", {"x": np.array([0.1, 0.2, 3.0], np.float32)}).tolist() == [True, False, True]


def test_a_number_too_large_for_its_column_is_beyond_every_value() -> None:
    columns = {"half": np.array([0.1, 2], np.float16), "byte": np.array([1, 2], np.uint8)}
    assert select("half < 1e9 and byte < 300 and byte > -1", columns).all()
    with pytest.raises(RequestError, match="column 'half' has no value '1e9'"):
        select("half == 1e9", columns)


def test_a_missing_number_meets_only_negative_comparisons() -> None:
    columns = {"x": np.array([np.nan, 1.0])}
    selected = {text: bool(select(text, columns)[0]) for text in ("x < 2", "x >= 0", "x == 1", "x != 1", "x not in {1}")}
    assert selected == {"x < 2": False, "x >= 0": False, "x == 1": False, "x != 1": True, "x not in {1}": True}


def test_whole_numbers_stay_exact() -> None:
    big = 2**53
    assert select(f"id == {big + 1}", {"id": np.array([big, big + 1])}).tolist() == [False, True]


def test_an_expression_knows_its_columns() -> None:
    assert parse("a == 1 and not (b < 2 or 'c d' in {x})").names() == {"a", "b", "c d"}
