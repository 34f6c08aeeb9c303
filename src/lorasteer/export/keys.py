"""Ed25519 keys as files: a private one that only its owner can read, and the public one beside it."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lorasteer.errors import StoreError
from lorasteer.tasks.tensors import write_text

PUBLIC = ".pub"
"""What the name of a public key's file ends in, after that of the private one."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def new_key(path: Path) -> Path:
    """Make a pair of keys: the private one at `path` with mode 0600, the public one beside it; both in PEM.

    Returns:
        Path of the public key.

    Raises:
        StoreError: A file lies there already, or nothing can be written.
    """
    public = path.with_name(path.name + PUBLIC)
    for taken in (path, public):
        if taken.exists():
            raise StoreError(f"{taken} exists already, and a key that is replaced is lost; choose another file with --out.")
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # born with its mode: a file that is closed to others later was open to them for a moment
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(private)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error}. Choose another file with --out.") from error
    write_text(public, public_pem(key.public_key()))
    return public


def public_pem(key: Ed25519PublicKey) -> str:
    """A public key as PEM."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """The private key in a file that `new_key`, or OpenSSL, wrote.

    Raises:
        StoreError: It is missing, is no Ed25519 private key without a passphrase, or can be read by others than its owner.
    """
    content = _read(path)
    if os.name != "nt" and path.stat().st_mode & _OTHERS:
        raise StoreError(f"others than its owner may read {path}, so anybody could sign with it; run chmod 600 {path}.")
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # a TypeError is a passphrase that is asked for
        raise StoreError(f"{path} holds no private key that can be read: {error}. {_NEXT}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StoreError(f"{path} holds a key of another kind; an Ed25519 key is needed. {_NEXT}")
    return key


def read_public_key(path: Path) -> Ed25519PublicKey:
    """The public key in a file.

    Raises:
        StoreError: It is missing or holds no Ed25519 public key.
    """
    try:
        key = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise StoreError(f"{path} holds no public key that can be read: {error}. Give the .pub file of the signer.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise StoreError(f"{path} holds a key of another kind; an Ed25519 public key is needed, the .pub file of the signer.")
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """Name of a key: sha256 of its 32 raw bytes, 64 hexadecimal digits."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


_NEXT = "Make one with `lorasteer certificate key`."


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"no key can be read from {path}: {error.strerror}. {_NEXT}") from error
