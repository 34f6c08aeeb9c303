"""A base of one's own: uploaded, taken in, begun on; and what is no base."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import httpx

from tests.web.api.site import START, Steered, ok, refused


def zipped(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    return packed.getvalue()


def test_an_uploaded_base_is_begun_on(client: httpx.Client, base: Path) -> None:
    sent = ok(client.post("/uploads", params={"name": "../mine.zip"}, content=zipped(base)), 201)
    assert (sent["kind"], sent["name"]) == ("base", "mine.zip")
    assert sent in ok(client.get("/uploads"))
    taken = ok(client.post("/bases", json={"upload": sent["id"], "name": "mine"}), 201)
    ok(client.delete(f"/uploads/{sent['id']}"), 204)
    assert taken["name"] == "mine"
    assert taken["id"] in {one["id"] for one in ok(client.get("/library"))["bases"]}
    session = Steered(client, ok(client.post("/sessions", json={"base": taken["id"]}), 201))
    assert session.do(START)["head"] == 1


def test_what_is_no_base_is_refused(client: httpx.Client) -> None:
    refused(client.post("/uploads", content=pickle.dumps({"a": 1})), 422, "pickle")
    refused(client.post("/uploads", content=b""), 422, "empty")
    refused(client.post("/bases", json={"upload": "0" * 32}), 404, "no upload")
    refused(client.delete(f"/uploads/{'0' * 32}"), 404)
    arrays = ok(client.post("/uploads", params={"name": "a.png"}, content=_dot()), 201)
    refused(client.post("/bases", json={"upload": arrays["id"]}), 422, "no base")


def _dot() -> bytes:
    from PIL import Image

    written = io.BytesIO()
    Image.new("L", (2, 2)).save(written, "PNG")
    return written.getvalue()
