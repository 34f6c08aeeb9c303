"""A certificate fits what it was made of, and any alteration of it, or of what it speaks of, is named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorasteer.export.certificate import index_digest, part_digests
from lorasteer.export.envelope import Envelope
from lorasteer.export.keys import key_id
from lorasteer.export.verification import check_certificate
from lorasteer.records.certificate import ABOUT
from tests.support.certified import KEY, THIEF, Certified, certified, splits
from tests.support.kept import RUN, kept_base
from tests.support.planted import blob, flip

MEASUREMENT = "measurement forget_test_accuracy of lora-ihl (1)"
RESULT = "result of relearn-forget on lora-ihl"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("store"))


def statement(made: Certified) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(Envelope.from_text(made.text).payload)
    return read


def test_it_fits_what_it_was_made_of(made: Certified) -> None:
    checked = check_certificate(made.text.encode(), public_key=KEY.public_key(), evidence=made.evidence())
    assert checked.misfits == ()
    assert checked.pinned
    assert checked.signer == key_id(KEY.public_key()) == hashlib.sha256(KEY.public_key().public_bytes_raw()).hexdigest()
    assert {"log", "base", "data", "splits/forget", "change/adapter_model.safetensors"} <= set(checked.seen)


def test_it_is_an_in_toto_statement_that_names_every_artefact(made: Certified) -> None:
    found = statement(made)
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    named = {one["name"]: one["digest"]["sha256"] for one in found["subject"]}
    sets = {f"splits/{name}" for name in ("forget", "retain", "forget_test", "retain_test", "validation")}
    files = {f"{kind}/adapter_{part}" for kind in ("change", "adapter") for part in ("config.json", "model.safetensors")}
    assert set(named) == {"base", "data", "splits", *sets, *files}
    assert named["base"] == kept_base().digest
    assert named["splits/forget"] == hashlib.sha256(bytes([1, *[0] * 7, 4, *[0] * 7])).hexdigest()  # positions 1 and 4
    assert found["predicate"]["digests"] == part_digests(found["predicate"])


def test_it_claims_no_more_than_was_shown(made: Certified) -> None:
    said = json.dumps(statement(made)).lower()
    assert ABOUT.lower() in said
    assert "deleted" not in said
    assert "erased" not in said


def test_without_a_known_key_the_signer_is_unknown(made: Certified) -> None:
    checked = check_certificate(made.text.encode())
    assert checked.misfits == ()
    assert not checked.pinned
    assert checked.seen == ()


@given(position=st.integers(min_value=0), mask=st.integers(1, 255))
@settings(max_examples=150)
def test_no_byte_of_the_file_can_be_another(made: Certified, position: int, mask: int) -> None:
    content = bytearray(made.text.encode())
    content[position % len(content)] ^= mask
    assert check_certificate(bytes(content)).misfits


@given(position=st.integers(min_value=0), mask=st.integers(1, 255))
@settings(max_examples=100)
def test_no_byte_of_the_statement_can_be_another(made: Certified, position: int, mask: int) -> None:
    envelope = Envelope.from_text(made.text)
    payload = bytearray(envelope.payload)
    payload[position % len(payload)] ^= mask
    altered = Envelope(bytes(payload), envelope.public_key, envelope.signature).to_text().encode()
    assert "signature" in {misfit.where for misfit in check_certificate(altered).misfits}


def measurement(value: float) -> Callable[[dict[str, Any]], None]:
    def edit(found: dict[str, Any]) -> None:
        found["predicate"]["iteration"]["evaluations"][0]["measurements"][0]["value"] = value

    return edit


@given(value=st.floats(0, 1).filter(lambda value: value != 0.5))
@settings(max_examples=50)
def test_an_altered_measurement_is_named_first(made: Certified, value: float) -> None:
    misfits = check_certificate(made.altered(measurement(value))).misfits
    assert misfits[0].where == MEASUREMENT
    assert {"iteration", "event 2", "signature"} <= {misfit.where for misfit in misfits}


def with_digests(edit: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """The edit of one who knows the format: the digests of the parts are stated anew."""

    def thorough(found: dict[str, Any]) -> None:
        edit(found)
        found["predicate"]["digests"] = part_digests(found["predicate"])

    return thorough


def test_a_thorough_forgery_breaks_the_log(made: Certified) -> None:
    checked = check_certificate(made.altered(with_digests(measurement(0.0)), key=THIEF))
    assert [misfit.where for misfit in checked.misfits] == ["event 2"]


def test_the_run_itself_shows_which_measurement_was_altered(made: Certified) -> None:
    checked = check_certificate(made.altered(with_digests(measurement(0.0)), key=THIEF), evidence=made.evidence())
    named = {misfit.where: misfit.what for misfit in checked.misfits}
    assert named[MEASUREMENT] == "the certificate says 0.0, the run 0.5"


def forged_result(found: dict[str, Any]) -> None:
    found["predicate"]["audit"]["results"][0]["measurements"][0]["value"] = 99.0


def forged_verdict(found: dict[str, Any]) -> None:
    found["predicate"]["audit"]["verdicts"][0]["label"] = "removed to the depth tested"


def cut_log(found: dict[str, Any]) -> None:
    found["predicate"]["log"] = found["predicate"]["log"][:-1]


def emptied_log(found: dict[str, Any]) -> None:
    found["predicate"]["log"] = []


def swapped_events(found: dict[str, Any]) -> None:
    first, second, *rest = found["predicate"]["log"]
    found["predicate"]["log"] = [second, first, *rest]


def edited_event(found: dict[str, Any]) -> None:
    found["predicate"]["log"][1]["actor"] = "nobody"


def removed_audit(found: dict[str, Any]) -> None:
    found["predicate"]["audit"] = None


def other_base(found: dict[str, Any]) -> None:
    found["predicate"]["run"]["base"] = "0" * 64


def other_request(found: dict[str, Any]) -> None:
    found["predicate"]["iteration"]["request"]["target"]["classes"] = ["b"]


def other_kind(found: dict[str, Any]) -> None:
    found["predicateType"] = "urn:other"


def one_field_more(found: dict[str, Any]) -> None:
    found["predicate"]["promise"] = "all gone"


def other_seen(found: dict[str, Any]) -> None:
    found["predicate"]["audit"]["splits"] = "0" * 64


@pytest.mark.parametrize(
    ("edit", "named"),
    {
        forged_result: RESULT, forged_verdict: "verdict on lora-ihl", cut_log: "log", emptied_log: "log",
        swapped_events: "event 1", edited_event: "event 2", removed_audit: "audit", other_base: "base", other_request: "request",
        other_kind: "predicateType", one_field_more: "predicate", other_seen: "audit",
    }.items(),
    ids=lambda value: value.__name__ if callable(value) else "",
)  # fmt: skip
def test_every_planted_alteration_is_named_first_even_when_signed_anew(
    made: Certified, edit: Callable[[dict[str, Any]], None], named: str
) -> None:
    misfits = check_certificate(made.altered(edit, key=THIEF)).misfits
    assert misfits[0].where == named


def test_a_certificate_without_its_audit_is_one_that_was_never_audited_but_the_log_shows_it(made: Certified) -> None:
    checked = check_certificate(made.altered(with_digests(removed_audit), key=THIEF), public_key=KEY.public_key())
    assert [misfit.where for misfit in checked.misfits] == ["log", "signer"]
    assert "audited" in checked.misfits[0].what


def test_a_file_that_another_key_signed_is_noticed_when_the_key_is_known(made: Certified) -> None:
    stolen = made.altered(lambda found: None, key=THIEF)
    assert check_certificate(stolen).misfits == ()  # whole in itself: nobody knows who signs
    (misfit,) = check_certificate(stolen, public_key=KEY.public_key()).misfits
    assert misfit.where == "signer"
    assert key_id(THIEF.public_key())[:12] in misfit.what


@given(
    name=st.sampled_from(["forget", "retain", "forget_test", "retain_test"]),
    place=st.integers(min_value=0),
    shift=st.integers(1, 5),
)
@settings(max_examples=50)
def test_an_altered_index_set_is_named(made: Certified, name: str, place: int, shift: int) -> None:
    index = getattr(splits(), name).copy()
    index[place % len(index)] += shift
    checked = check_certificate(made.text.encode(), evidence=made.evidence(splits=replace(splits(), **{name: index})))
    assert {misfit.where for misfit in checked.misfits} == {"splits", f"splits/{name}"}


def test_the_validation_set_is_an_index_set_too(made: Certified) -> None:
    held = replace(splits().validation, index=np.array([6, 8]))
    checked = check_certificate(made.text.encode(), evidence=made.evidence(splits=replace(splits(), validation=held)))
    assert {misfit.where for misfit in checked.misfits} == {"splits", "splits/validation"}
    assert index_digest(np.array([6, 8])) != index_digest(np.array([6, 7]))


@given(position=st.integers(min_value=0), mask=st.integers(1, 255), file=st.integers(0, 1))
@settings(max_examples=40)
def test_no_byte_of_the_change_can_be_another(made: Certified, position: int, mask: int, file: int) -> None:
    name = ("adapter_config.json", "adapter_model.safetensors")[file]
    path = blob(made.store, 1) / name
    content = path.read_bytes()
    altered = bytearray(content)
    altered[position % len(content)] ^= mask
    try:
        path.write_bytes(bytes(altered))
        checked = check_certificate(made.text.encode(), evidence=made.evidence())
    finally:
        path.write_bytes(content)
    assert [misfit.where for misfit in checked.misfits] == [f"change/{name}"]


def test_missing_and_foreign_files_are_named(made: Certified) -> None:
    files = dict(made.evidence().change or {})
    del files["adapter_config.json"]
    files["readme.txt"] = "0" * 64
    checked = check_certificate(made.text.encode(), evidence=made.evidence(change=files))
    assert [misfit.where for misfit in checked.misfits] == ["change/adapter_config.json", "change/readme.txt"]


def test_another_base_data_and_adapter_are_named(made: Certified) -> None:
    for name in ("base", "data"):
        checked = check_certificate(made.text.encode(), evidence=made.evidence(**{name: "0" * 64}))
        assert [misfit.where for misfit in checked.misfits] == [name]
    files = {"adapter_config.json": "0" * 64, "adapter_model.safetensors": "0" * 64}
    checked = check_certificate(made.text.encode(), evidence=made.evidence(adapter=files))
    assert [misfit.where for misfit in checked.misfits] == ["adapter/adapter_config.json", "adapter/adapter_model.safetensors"]


def test_a_run_that_has_gone_on_still_fits(tmp_path: Path) -> None:
    made = certified(tmp_path)
    made.store.move(RUN, head=0, state="reviewing", actor="me", action="undo")
    assert check_certificate(made.text.encode(), evidence=made.evidence()).misfits == ()


def test_a_log_of_another_run_is_named(made: Certified) -> None:
    events = made.store.events(RUN)
    checked = check_certificate(made.text.encode(), evidence=made.evidence(log=events[:2]))
    assert [misfit.where for misfit in checked.misfits] == ["event 3"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"{}", b"[" * 100_000, b'{"payload": 1}', b"null"])
def test_what_is_no_certificate_is_refused_in_one_line(content: bytes) -> None:
    (misfit,) = check_certificate(content).misfits
    assert misfit.where == "file"
    assert "\n" not in str(misfit)


def test_an_audit_that_was_altered_in_the_store_is_found(tmp_path: Path) -> None:
    made = certified(tmp_path)
    assert made.store.verify() == []
    assert made.store.unreachable() == []  # the blob of an audit is needed
    folder = tmp_path / "blobs" / str(made.store.events(RUN)[-1].detail["audit"])
    flip(folder / "audit.json")
    (problem,) = made.store.verify()
    assert "audit.json was altered" in problem.what
