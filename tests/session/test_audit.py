"""An audit goes on after it was cut off, is remembered when done, and never finds a number that no longer holds."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lorasteer.changes import weight_change
from lorasteer.errors import Interrupted, PlanError
from lorasteer.evaluation.audit import ATTACKS, Ground, Subject, registry, run_attack
from lorasteer.evaluation.audit.registry import Finding
from lorasteer.records import AuditRecord, Request, Settings
from lorasteer.session import Round, Workbench
from lorasteer.session import audit as auditing
from lorasteer.session.audit import Audit, Step
from lorasteer.session.auditing import never_trained, pictured, prepare
from lorasteer.tasks.base import weights_digest
from lorasteer.tasks.vision.classifier import inputs_for
from tests.support.digits import SEVEN, bench, digits, forgotten, small_base


@functools.cache
def retrained(count: int) -> tuple[object, ...]:
    splits = forgotten().translation.splits
    return tuple(bench().retrain(splits, seed=1000 + number) for number in range(count))


def ready(folder: Path | None, *, done: Round | None = None, count: int = 2, **facts: object) -> Audit:
    """An audit of one round on a bench whose cache lies in a folder."""
    done = done or forgotten()
    on = Workbench(small_base(), digits(), folder)
    return prepare(on, done.translation, done.change, retrained=retrained(count)[:count], **facts)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def record(folder: Path) -> AuditRecord:
    return ready(folder).run()


def test_the_head_adapter_is_suppressed_and_the_base_knows(record: AuditRecord) -> None:
    found = {one.subject: one.label for one in record.verdicts}
    assert found["lora-ihl"] == "suppressed"
    assert found["base"] == "not forgotten"
    assert found["retrained (seed 1000)"] in ("removed to the depth tested", "not enough evidence")
    assert record.verdict is not None
    assert record.verdict.subject == "lora-ihl"


def test_it_says_all_that_is_needed_to_judge_it(record: AuditRecord) -> None:
    roles = [(one.name, one.role) for one in record.subjects]
    assert roles[0] == ("lora-ihl", "unlearned")
    assert [role for _, role in roles] == ["unlearned", "base", "retrained", "retrained", "never-trained"]
    assert record.base == small_base().digest
    assert record.splits == forgotten().translation.splits.digest
    assert AuditRecord.from_json(record.to_json()) == record
    assert {result.subject for result in record.results} == {name for name, _ in roles}


def test_what_was_done_is_remembered(folder: Path, record: AuditRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "run_attack", lambda *words: pytest.fail(f"ran again: {words}"))
    again = ready(folder)
    assert again.estimate() == (len(record.results), len(record.results), 0.0)
    assert again.run().results == record.results


def test_nothing_is_remembered_of_other_circumstances(folder: Path, record: AuditRecord) -> None:
    usual = ready(folder)
    other = replace(digits(), train=replace(digits().train, images=255 - digits().train.images))
    elsewhere = replace(usual.ground, inputs=inputs_for(small_base(), other))
    others = {
        "other data": replace(usual, ground=elsewhere),
        "seed": ready(folder, seed=1),
        "one retrained model": ready(folder, count=1),
    }
    for what, other in others.items():
        keys = [other.key(name, subject) for name, subject in other.units()]
        assert not any((folder / "audits" / f"{key}.json").is_file() for key in keys), what


def test_another_change_finds_what_holds_for_every_change(folder: Path, record: AuditRecord) -> None:
    """Relearning the base anew is due where other modules learn; what does not look at them is known already."""
    mine, other = ready(folder), ready(folder, done=forgotten("gradient-ascent"))
    assert other.ground.touched != mine.ground.touched
    local = {name: ATTACKS[name]["local"](ATTACKS[name]["settings"]()) for name, _ in other.units()}
    assert {*local.values()} == {True, False}
    tested = other.members[0].subject
    for name, subject in other.units():
        assert (other.remembered(name, subject) is None) == (subject is tested or local[name]), name


def test_an_attack_that_is_not_local_is_shown_no_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    table, audit, seen = registry._table("attack", "lorasteer.none"), ready(None, count=0), dict[str, tuple[str, ...]]()
    monkeypatch.setitem(registry.TABLES, "vision", table)
    for name, local in (("near", True), ("far", False)):

        @table.add(name, kind="noise", cost=lambda ground: 0.0, local=lambda settings, local=local: local)
        def look(ground: Ground, subject: Subject, settings: Settings, name: str = name) -> Finding:
            """Note what is shown."""
            seen[name] = ground.touched
            return Finding(())

        run_attack(name, audit.ground, audit.members[0].subject)
    assert seen == {"near": audit.ground.touched, "far": ()}
    assert audit.ground.touched


def test_a_changed_program_finds_no_old_number(folder: Path, record: AuditRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "source", lambda attack: "another")
    assert ready(folder).estimate().remembered == 0


def test_another_strength_is_another_model(folder: Path, record: AuditRecord) -> None:
    on = Workbench(small_base(), digits(), folder)
    done = forgotten()
    half = prepare(on, done.translation, done.change.at(0.5), retrained=retrained(2))  # type: ignore[arg-type]
    tested = half.members[0].subject
    assert all(half.remembered(name, subject) is None for name, subject in half.units() if subject is tested)


def test_a_damaged_result_is_made_again(tmp_path: Path) -> None:
    audit = ready(tmp_path, count=0)
    (name, subject), *_ = audit.units()
    path = tmp_path / "audits" / f"{audit.key(name, subject)}.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"attack": ')
    assert audit.remembered(name, subject) is None
    path.write_bytes(b"\xff\xfe")
    assert audit.remembered(name, subject) is None


def test_it_goes_on_where_it_was_stopped(tmp_path: Path, record: AuditRecord) -> None:
    steps: list[Step] = []

    def told(step: Step) -> bool:
        steps.append(step)
        return step.number == 3

    with pytest.raises(Interrupted, match="stopped after 3 of"):
        ready(tmp_path).run(told)
    again = ready(tmp_path)
    assert again.estimate().remembered == 3
    assert steps[0].left > steps[-1].left > 0
    more: list[Step] = []
    found = again.run(more.append)
    assert [step.seconds for step in more[:3]] == [0, 0, 0]
    assert all(step.seconds > 0 for step in more[3:])
    same = [one.model_copy(update={"seconds": 0.0}) for one in record.results]
    assert [one.model_copy(update={"seconds": 0.0}) for one in found.results] == same


def test_ctrl_c_within_an_attack_keeps_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit, run = ready(tmp_path, count=0), auditing.run_attack
    calls = []

    def pressed(*words: object) -> object:
        calls.append(words)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(auditing, "run_attack", pressed)
    with pytest.raises(Interrupted, match=r"stopped after 2 of \d+ attacks; they are kept"):
        audit.run()
    assert audit.estimate().remembered == 2


def test_without_a_cache_folder_it_says_that_nothing_is_kept() -> None:
    with pytest.raises(Interrupted, match="without a cache folder none is kept"):
        ready(None, count=0).run(lambda step: True)


def test_without_retrained_models_the_strongest_is_withheld(tmp_path: Path) -> None:
    verdict = ready(tmp_path, count=0).run().verdict
    assert verdict is not None
    assert verdict.label == "not enough evidence"
    assert "--retrained 2" in verdict.withheld


def test_attacks_that_lack_something_are_left_out_with_the_reason(tmp_path: Path) -> None:
    audit = ready(tmp_path, count=0, suite="full")
    assert audit.skipped()["unlearning-depth"] == "needs a retrained model"
    assert "unlearning-depth" not in {name for name, _ in audit.units()}


def test_an_unknown_suite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="unknown suite 'thorough'"):
        ready(tmp_path, suite="thorough")


def test_shared_work_is_estimated_once(tmp_path: Path) -> None:
    audit = ready(tmp_path, suite="full")
    sharing = {entry.name for entry in ATTACKS if entry["shared"]}
    assert len(sharing) > 1
    alone = sum(ATTACKS[name]["cost"](audit.ground) for name, _ in audit.units() if name not in sharing)
    dearest = max(ATTACKS[name]["cost"](audit.ground) for name in sharing)
    assert alone < audit.estimate().seconds <= 1.5 * (alone + dearest)


def test_no_model_is_altered(folder: Path, record: AuditRecord) -> None:
    audit = ready(folder)
    for member in audit.members:
        assert not member.subject.network.training
    assert weights_digest(small_base().model) == small_base().digest


def test_a_never_trained_network_has_none_of_the_bases_numbers() -> None:
    network = never_trained(small_base(), 3)
    pairs = zip(network.parameters(), small_base().model.parameters(), strict=True)
    assert not any(torch.equal(mine, theirs) for mine, theirs in pairs)
    assert weights_digest(network) == weights_digest(never_trained(small_base(), 3))


def test_a_model_can_be_made_again_of_another_base() -> None:
    audit = ready(None, count=0)
    tested = audit.members[0].subject
    assert tested.again is not None
    splits = audit.ground.splits
    network = tested.again(small_base(), audit.ground.inputs, splits, forgotten().plan.seed)
    assert torch.equal(network.state_dict()["fc2.weight"], tested.network.state_dict()["fc2.weight"])


def test_a_change_made_by_hand_has_no_way_to_be_made_again() -> None:
    bias = small_base().model.state_dict()["fc2.bias"] + 1
    change = weight_change(small_base(), {"fc2.bias": bias})
    audit = prepare(bench(), bench().translate(Request(target=SEVEN)), change)
    assert audit.members[0].subject.again is None
    assert audit.members[0].subject.name == "weights"


def test_a_picture_moves_only_what_the_model_moved(folder: Path, record: AuditRecord) -> None:
    """The adapter lies on the last layer, so what that layer reads is the base's, point for point; a retrained model's is not."""
    done = forgotten(method="logit-mask")
    base, masked, gold = pictured(ready(folder, done=done))
    assert (masked.target, masked.others) == (base.target, base.others)
    assert gold.target != base.target
    assert len(base.target) > 10
