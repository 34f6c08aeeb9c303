"""A place to listen: the port that was asked for, or the next one that is free."""

from __future__ import annotations

import errno
import socket

from lorasteer.errors import SessionError

PORT = 8421
"""Where the workbench listens when nobody says otherwise."""
_TRIED = 50


def listening(host: str, port: int | None) -> socket.socket:
    """A socket that listens; held from now on, so that nobody takes the port before the server begins.

    Args:
        host: Name or address of this machine.
        port: As asked for by hand, 0 for any; None tries 8421 and the ones after it.

    Raises:
        SessionError: The port is taken, or the host is not of this machine.
    """
    wanted = range(PORT, PORT + _TRIED) if port is None else (port,)
    for number in wanted:
        try:
            return _bound(host, number)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise SessionError(
                    f"cannot listen on {host!r} port {number}: {error.strerror or error}. Try --host 127.0.0.1."
                ) from error
    if port is None:
        raise SessionError(f"ports {wanted[0]} to {wanted[-1]} are all taken. Name another one with --port, or --port 0 for any.")
    raise SessionError(f"port {port} is taken. Name another one with --port, or leave it out to take the next that is free.")


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    taken = socket.socket(family, kind, protocol)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(128)  # binding alone does not keep another one from binding too
    except OSError:
        taken.close()
        raise
    return taken
