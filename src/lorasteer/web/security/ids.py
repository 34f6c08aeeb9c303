"""Ids that come from a browser: letters, digits and dashes, or nothing is looked up at all."""

from __future__ import annotations

import re

from lorasteer.web.security.refusals import Refusal

_ID = re.compile(r"[0-9a-z][0-9a-z-]{0,63}", re.ASCII)


def check_id(text: str, what: str = "id") -> str:
    """Give an id back that has the form of the store's ids: a run, a blob, an upload.

    Nothing of an id is ever decoded, and neither `%` nor dot nor slash is allowed. So `%2e%2e` and `%252e` are refused as
    they stand, however often something before this decoded them.

    Args:
        text: What the client sent.
        what: What it is the id of, for the message.

    Raises:
        Refusal: 400, it has another form.

    Example:
        >>> check_id("20260102-030405-a1b2c3", "run")
        '20260102-030405-a1b2c3'
    """
    if not _ID.fullmatch(text):
        raise Refusal(
            400, f"{what} {text[:40]!r} is no id; allowed are 1 to 64 of a-z, 0-9 and -. Take it from the list of what there is."
        )
    return text
