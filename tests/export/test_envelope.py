"""The envelope signs type and payload together, and can be written in one way only."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lorasteer.export.envelope import PAYLOAD_TYPE, Envelope, pre_authentication, sealed

# RFC 8032, section 7.1, test 1: the key pair with which an empty message is signed.
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
KEY = Ed25519PrivateKey.from_private_bytes(SECRET)


def test_the_key_of_the_standard_is_read_as_the_standard_says() -> None:
    assert sealed(b"{}", KEY).public_key.public_bytes_raw() == PUBLIC


def test_what_is_signed_is_type_and_payload_with_their_lengths() -> None:
    envelope = sealed(b"{}", KEY)
    KEY.public_key().verify(envelope.signature, b"DSSEv1 28 application/vnd.in-toto+json 2 {}")
    with pytest.raises(InvalidSignature):
        KEY.public_key().verify(envelope.signature, b"{}")
    assert pre_authentication(PAYLOAD_TYPE, b"{}").startswith(b"DSSEv1 28 ")


def test_it_goes_to_text_and_back() -> None:
    envelope = sealed(b'{"a": 1}', KEY)
    read = Envelope.from_text(envelope.to_text())
    assert (read.payload, read.signature, read.whole) == (envelope.payload, envelope.signature, True)
    assert json.loads(envelope.to_text())["payloadType"] == "application/vnd.in-toto+json"
    assert not Envelope(b'{"a": 2}', read.public_key, read.signature).whole


def altered(**fields: Any) -> str:
    content = json.loads(sealed(b"{}", KEY).to_text())
    for name, value in fields.items():
        (content if name in content else content["signatures"][0])[name] = value
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (altered(payloadType="text/plain"), "payloadType"),
        (altered(payload="e30"), "payload is not base64"),
        (altered(payload="e31="), "as they were written"),  # other padding bits, the same bytes
        (altered(signatures=[]), "exactly one signature"),
        (altered(keyid="0" * 64), "keyid"),
        (altered(publicKey="AAAA"), "3 bytes"),
        (sealed(b"{}", KEY).to_text().rstrip(), "as they were written"),
        (sealed(b"{}", KEY).to_text().replace("\n", "\r\n"), "as they were written"),
        ('{"payload": "e30="}', "exactly the fields"),
    ],
)  # fmt: skip
def test_any_other_writing_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Envelope.from_text(text)
