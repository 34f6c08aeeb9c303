"""A private key is born closed to others, is never replaced, and is not used once others can read it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from lorasteer.errors import StoreError
from lorasteer.export.keys import key_id, new_key, read_private_key, read_public_key
from tests.support.errors import refuses

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes of files are POSIX")


def test_a_pair_belongs_together(tmp_path: Path) -> None:
    public = new_key(tmp_path / "folder" / "key")
    private = read_private_key(tmp_path / "folder" / "key")
    read_public_key(public).verify(private.sign(b"words"), b"words")
    assert key_id(private.public_key()) == key_id(read_public_key(public))


@posix
def test_only_its_owner_can_read_a_private_key_from_its_first_moment_on(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        public = new_key(tmp_path / "key")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE(public.stat().st_mode) == 0o666


@posix
def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    new_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    refuses(StoreError, lambda: read_private_key(tmp_path / "key"), "chmod 600")


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    new_key(tmp_path / "key")
    kept = (tmp_path / "key").read_bytes()
    refuses(StoreError, lambda: new_key(tmp_path / "key"), "exists already", "--out")
    (tmp_path / "key").unlink()
    refuses(StoreError, lambda: new_key(tmp_path / "key"), "key.pub exists already")
    assert not (tmp_path / "key").exists()
    assert kept


def test_other_files_are_refused(tmp_path: Path) -> None:
    new_key(tmp_path / "key")
    refuses(StoreError, lambda: read_private_key(tmp_path / "none"), "no key can be read")
    (tmp_path / "text").write_text("words")
    (tmp_path / "text").chmod(0o600)
    refuses(StoreError, lambda: read_private_key(tmp_path / "text"), "no private key", "lorasteer certificate key")
    refuses(StoreError, lambda: read_public_key(tmp_path / "text"), ".pub")
    refuses(StoreError, lambda: read_public_key(tmp_path / "key"), ".pub")  # the private key in place of the public one


def test_keys_of_another_kind_are_refused(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1())
    plain, pem = serialization.NoEncryption(), serialization.Encoding.PEM
    (tmp_path / "key").write_bytes(other.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    (tmp_path / "key").chmod(0o600)
    public = other.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pub").write_bytes(public)
    refuses(StoreError, lambda: read_private_key(tmp_path / "key"), "another kind")
    refuses(StoreError, lambda: read_public_key(tmp_path / "key.pub"), "another kind")


@pytest.mark.skipif(not Path("/usr/bin/openssl").is_file(), reason="openssl is not installed")
def test_openssl_reads_what_is_written(tmp_path: Path) -> None:
    public = new_key(tmp_path / "key")
    words = ["/usr/bin/openssl", "pkey", "-in", str(tmp_path / "key"), "-pubout"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == public.read_text()
