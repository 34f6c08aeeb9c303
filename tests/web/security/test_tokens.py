"""Keys: one opens once, the user's own as often as it is shown, and a server for others needs one."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from lorasteer.errors import SessionError
from lorasteer.web.security import Rules, Tokens
from lorasteer.web.security.tokens import cookie_name
from tests.support.errors import refuses

OWN = "sixteen-letters!"


def test_a_printed_token_opens_once() -> None:
    tokens = Tokens()
    key = tokens.once()
    session = tokens.redeem(key)
    assert session
    assert tokens.knows(session)
    assert tokens.redeem(key) is None


def test_a_token_is_no_session_and_a_session_no_token() -> None:
    tokens = Tokens(OWN)
    key = tokens.once()
    session = tokens.redeem(key)
    assert session
    assert tokens.redeem(session) is None
    assert not tokens.knows(tokens.once())
    assert not tokens.knows(OWN)
    assert not tokens.is_user(key)


@pytest.mark.parametrize("wrong", ["", " ", "x", "é", "\ud800", "a" * 10_000])
def test_anything_else_opens_nothing(wrong: str) -> None:
    for tokens in (Tokens(), Tokens(OWN)):
        tokens.once()
        assert tokens.redeem(wrong) is None
        assert not tokens.knows(wrong)
        assert not tokens.is_user(wrong)


def test_secrets_are_long_and_never_the_same() -> None:
    made = {Tokens().once() for _ in range(100)}
    assert len(made) == 100
    assert min(map(len, made)) >= 43  # 256 bit


def test_the_newest_unused_tokens_and_sessions_count() -> None:
    tokens = Tokens(OWN)
    first, rest = tokens.once(), [tokens.once() for _ in range(8)]
    assert tokens.redeem(first) is None
    sessions = [tokens.redeem(key) or "" for key in rest] + [tokens.redeem(OWN) or "" for _ in range(57)]
    assert [tokens.knows(session) for session in sessions] == [False] + [True] * 64


def test_the_users_token_opens_as_often_as_it_is_shown() -> None:
    tokens = Tokens(OWN)
    assert tokens.redeem(OWN) != tokens.redeem(OWN)
    assert tokens.is_user(OWN)


def test_the_users_token_comes_from_an_option_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LORASTEER_TOKEN", raising=False)
    assert not Tokens.from_environment().has_user
    monkeypatch.setenv("LORASTEER_TOKEN", OWN)
    assert Tokens.from_environment().is_user(OWN)
    assert not Tokens.from_environment("another-of-16-letters").is_user(OWN)


@pytest.mark.parametrize("token", ["short", "fifteen-letters", "with spaces in it all", "ümlaut-sixteen-letters", "a\nb" * 10])
def test_a_weak_token_is_refused(token: str) -> None:
    with refuses(SessionError, "16 or more", "LORASTEER_TOKEN"):
        Tokens(token)
    with pytest.raises(SessionError) as caught:
        Tokens(token)
    assert token not in str(caught.value)


def test_an_object_with_secrets_does_not_show_them() -> None:
    tokens = Tokens(OWN)
    key = tokens.once()
    for text in (repr(tokens), str(tokens), repr(Rules("127.0.0.1", 1, tokens))):
        assert OWN not in text
        assert key not in text


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "example.org"])
def test_other_machines_are_let_in_with_a_token_only(host: str) -> None:
    with refuses(SessionError, repr(host), "LORASTEER_TOKEN", "127.0.0.1"):
        Rules(host, 8081, Tokens())
    assert Rules(host, 8081, Tokens(OWN)).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_needs_no_token_of_the_users(host: str) -> None:
    assert Rules(host, 8081, Tokens()).host == host


@pytest.mark.parametrize(("host", "where"), [("127.0.0.1", "127.0.0.1:81"), ("0.0.0.0", "127.0.0.1:81"), ("::1", "[::1]:81")])
def test_the_address_to_open_holds_a_fresh_token(host: str, where: str) -> None:
    tokens = Tokens(OWN)
    address = urlsplit(tokens.open_url(host, 81, "/runs"))
    assert (address.scheme, address.netloc, address.path) == ("http", where, "/runs")
    (key,) = parse_qs(address.query)["token"]
    assert key != OWN
    assert tokens.redeem(key)


def test_two_servers_on_one_machine_have_cookies_of_their_own() -> None:
    assert cookie_name(8081) != cookie_name(8082)
