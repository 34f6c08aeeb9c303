"""Names of hosts: which are this machine's own, and which a browser may have used to get here."""

from __future__ import annotations

import ipaddress
import re

_NETLOC = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[0-9a-z._-]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""Names of this machine for itself."""


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach a server that listens there.

    Example:
        >>> [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "192.168.1.5")]
        [True, True, True, False, False]
    """
    return host.lower() == "localhost" or bool(_address(host) and ipaddress.ip_address(host.strip("[]")).is_loopback)


def is_everywhere(host: str) -> bool:
    """Whether a server that listens there listens on every address of the machine."""
    return host in ("", "*") or bool(_address(host) and ipaddress.ip_address(host.strip("[]")).is_unspecified)


def netloc(host: str, port: int) -> str:
    """Host and port as they stand in an address.

    Example:
        >>> netloc("::1", 8081)
        '[::1]:8081'
    """
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


def name_of(header: str) -> str | None:
    """The name in a Host header, without the port; None where it is no host at all.

    Example:
        >>> name_of("LOCALHOST:8081"), name_of("[::1]"), name_of("a/b")
        ('localhost', '[::1]', None)
    """
    match = _NETLOC.fullmatch(header.lower())
    return match["name"] if match else None


def is_own(name: str, host: str, names: tuple[str, ...]) -> bool:
    """Whether a name in a Host header may be one of ours.

    A server is reached by names that lead to it. A page that rebinds its own name to this machine (DNS rebinding) is told by
    that name, so names are listed; a bare address cannot be rebound, so all are fine where the server listens on all.

    Args:
        name: As `name_of` gives it.
        host: What the server listens on.
        names: Further names the user gave.
    """
    own = LOOPBACK | {host.lower(), f"[{host.lower()}]"} | {given.lower() for given in names}
    return name in own or (is_everywhere(host) and _address(name))


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True
