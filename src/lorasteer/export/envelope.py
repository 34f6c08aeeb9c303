"""A signed envelope around a JSON document: DSSE (Dead Simple Signing Envelope, v1) with one Ed25519 signature.

What is signed is DSSE's pre-authentication encoding of type and payload, so neither can be exchanged for the other. One field is
our own: `publicKey`, the key that fits the signature, so that a reader who knows no key can still see whether the file is whole.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lorasteer.export.keys import key_id

PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class Envelope:
    """A payload with its signature.

    Args:
        payload: What was signed.
        public_key: Key that the file itself brings; it says nothing about who signed.
        signature: 64 bytes.
    """

    payload: bytes
    public_key: Ed25519PublicKey
    signature: bytes

    @property
    def whole(self) -> bool:
        """Whether the signature fits payload and key."""
        try:
            self.public_key.verify(self.signature, pre_authentication(PAYLOAD_TYPE, self.payload))
        except InvalidSignature:
            return False
        return True

    def to_text(self) -> str:
        """The one way to write this envelope."""
        key = self.public_key.public_bytes_raw()
        signed = {"keyid": key_id(self.public_key), "publicKey": _text(key), "sig": _text(self.signature)}
        content = {"payload": _text(self.payload), "payloadType": PAYLOAD_TYPE, "signatures": [signed]}
        return json.dumps(content, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Envelope:
        """Read what `to_text` wrote, to the letter.

        Raises:
            ValueError: It is not such a text; the message names the first field that does not fit.
        """
        content = _object(json.loads(text), "the file", {"payload", "payloadType", "signatures"})
        if content["payloadType"] != PAYLOAD_TYPE:
            raise ValueError(f"payloadType is {content['payloadType']!r}, not {PAYLOAD_TYPE!r}")
        if not isinstance(content["signatures"], list) or len(content["signatures"]) != 1:
            raise ValueError("signatures does not hold exactly one signature")
        signed = _object(content["signatures"][0], "the signature", {"keyid", "publicKey", "sig"})
        payload, key, signature = (
            _bytes(holder[name], name) for holder, name in ((content, "payload"), (signed, "publicKey"), (signed, "sig"))
        )
        if len(key) != 32:
            raise ValueError(f"publicKey has {len(key)} bytes, not 32")
        found = cls(payload, Ed25519PublicKey.from_public_bytes(key), signature)
        if signed["keyid"] != key_id(found.public_key):
            raise ValueError("keyid is not the sha256 of publicKey")
        if found.to_text() != text:
            raise ValueError("spaces, line ends or the order of fields are not as they were written")
        return found


def sealed(payload: bytes, key: Ed25519PrivateKey) -> Envelope:
    """A payload, signed."""
    return Envelope(payload, key.public_key(), key.sign(pre_authentication(PAYLOAD_TYPE, payload)))


def pre_authentication(kind: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the bytes that are signed.

    Example:
        >>> pre_authentication("http://example.com/HelloWorld", b"hello world")  # from the protocol's own description
        b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(value: object, name: str) -> bytes:
    try:
        return base64.b64decode(str(value), validate=True)
    except binascii.Error as error:
        raise ValueError(f"{name} is not base64") from error


def _object(value: Any, what: str, fields: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != fields:
        raise ValueError(f"{what} does not hold exactly the fields {', '.join(sorted(fields))}")
    return value
