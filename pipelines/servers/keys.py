"""The secret of one ``har ui``: in the links that it prints, and behind the cookies of the browsers that opened one."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import socket
import sys
from pathlib import Path

_SOCKETS = Path("/proc/net/tcp")


class Key:
    """A secret, made anew at each start, that both pages share."""

    def __init__(self, name: str) -> None:
        """``name`` sets cookies apart from those of another ``har ui``: browsers send them to every port of a host."""
        self.cookie_name = f"har-{name}"
        self.secret = secrets.token_urlsafe(32)

    def is_secret(self, given: str) -> bool:
        """Whether a link had the secret; takes as long for each wrong one."""
        return hmac.compare_digest(given.encode(), self.secret.encode())

    def cookie(self, user: int | None) -> str:
        """What the browser of one user of this machine keeps.

        A server of another user on another port of this host is sent it too, and could use it were it not bound.
        """
        return hmac.new(self.secret.encode(), f"cookie of {user}".encode(), hashlib.sha256).hexdigest()

    def is_cookie(self, given: str, user: int | None) -> bool:
        """Whether ``given`` is the cookie of ``user``."""
        return hmac.compare_digest(given.encode(), self.cookie(user).encode())


def user_of(client: tuple[str, int] | None, server: tuple[str, int | None] | None) -> int | None:
    """The number of the user whose process holds the other end of a connection over loopback; None where unknown.

    Linux says so in a table of its connections, of which each end is a row.
    """
    if client is None or server is None or server[1] is None or not _SOCKETS.is_file():
        return None
    ends = [_written(*client), _written(server[0], server[1])]
    for line in _SOCKETS.read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == ends:
            return int(fields[7])
    return None


def _written(host: str, port: int) -> str:
    """An address as in the table: in hexadecimal, the bytes of the host in the order of this machine."""
    return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
