"""A run is certified, the file is checked alone and beside its run, and every alteration ends with 2 and a name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lorasteer.cli.opening import open_store
from lorasteer.store import RunStore
from tests.cli.conftest import Run
from tests.support.planted import blob, flip


@pytest.fixture
def made(run: Run, base: Path, tmp_path: Path) -> Path:
    """A certificate of the only run, made with a new key."""
    assert run("unlearn", base, "--forget", "7", "--set", "epochs=1", "--out", tmp_path / "run").code == 0
    (listed,) = run("runs", "list", "--json").json
    assert run("certificate", "key", "--out", tmp_path / "key").code == 0
    done = run("certificate", "make", listed["id"], "--key", tmp_path / "key", "--out", tmp_path / "certificate.json")
    assert "certificate verify" in done.out
    return tmp_path / "certificate.json"


def only_run(run: Run) -> str:
    (listed,) = run("runs", "list", "--json").json
    return str(listed["id"])


def test_it_fits_the_run_its_export_and_its_material(run: Run, base: Path, made: Path, tmp_path: Path) -> None:
    assert run("export", only_run(run), "--out", tmp_path / "adapter").code == 0
    words = ("--run", only_run(run), "--adapter", tmp_path / "adapter", "--base", base, "--public-key", tmp_path / "key.pub")
    done = run("certificate", "verify", made, *words, "--json")
    assert (done.code, done.json["misfits"], done.json["signer_known"]) == (0, [], True)
    assert {"log", "splits/forget", "change/adapter_model.safetensors", "adapter/adapter_config.json"} <= set(
        done.json["compared"]
    )
    carried = run("certificate", "verify", made, "--run", tmp_path / "run", "--json")
    assert (carried.code, carried.json["misfits"]) == (0, [])
    assert carried.json["compared"] == ["change/adapter_config.json", "change/adapter_model.safetensors"]


def test_alone_it_says_that_the_signer_is_unknown(run: Run, made: Path, tmp_path: Path) -> None:
    done = run("certificate", "verify", made)
    assert done.code == 0
    assert "The signer is unknown" in done.out
    assert "It holds no audit, and so no verdict." in done.out
    assert "nothing; name --run" in done.out
    known = run("certificate", "verify", made, "--public-key", tmp_path / "key.pub")
    assert "Signed with the known key" in known.out
    assert "unknown" not in known.out


def test_another_key_is_noticed(run: Run, made: Path, tmp_path: Path) -> None:
    assert run("certificate", "key", "--out", tmp_path / "thief").code == 0
    words = ("--key", tmp_path / "thief", "--out", tmp_path / "stolen.json")
    assert run("certificate", "make", only_run(run), *words).code == 0
    assert run("certificate", "verify", tmp_path / "stolen.json").code == 0
    done = run("certificate", "verify", tmp_path / "stolen.json", "--public-key", tmp_path / "key.pub")
    assert done.code == 2
    assert "- signer: the file was signed with key" in done.out


def test_an_altered_change_is_named(run: Run, made: Path, home: Path) -> None:
    flip(blob(RunStore(home / "runs"), 1) / "adapter_model.safetensors")
    done = run("certificate", "verify", made, "--run", only_run(run))
    assert done.code == 2
    assert "Does not fit: change/adapter_model.safetensors first, 1 in all." in done.out


def test_an_altered_file_is_named(run: Run, made: Path) -> None:
    content = json.loads(made.read_text())
    content["signatures"][0]["sig"] = content["signatures"][0]["sig"][::-1]
    made.write_text(json.dumps(content))
    done = run("certificate", "verify", made)
    assert done.code == 2
    assert "file first" in done.out


def test_a_damaged_change_is_not_certified(run: Run, made: Path, home: Path, tmp_path: Path) -> None:
    flip(blob(RunStore(home / "runs"), 1) / "adapter_model.safetensors")
    words = ("--key", tmp_path / "key", "--out", tmp_path / "other.json")
    run("certificate", "make", only_run(run), *words).refused("was altered")


def test_refusals(run: Run, made: Path, tmp_path: Path) -> None:
    name, key = only_run(run), tmp_path / "key"
    run("certificate", "make", name, "--key", key, "--out", made).refused("exists already", "--overwrite")
    run("certificate", "make", "nothing", "--key", key, "--out", tmp_path / "new").refused("no run 'nothing'")
    run("certificate", "make", name, "--key", tmp_path / "none", "--out", tmp_path / "new").refused("no key can be read")
    run("certificate", "verify", tmp_path / "none").refused("cannot be read")
    run("certificate", "key", "--out", key).refused("exists already")
    assert not (tmp_path / "new").exists()
    assert open_store(None).load(name).id == name
