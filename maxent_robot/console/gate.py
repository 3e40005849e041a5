"""Who may open the console: a browser of this machine, or one that has the token.

A page of any other site can open a WebSocket to 127.0.0.1, and a name of any other site can be made to point there.
So the name that the browser asked for and the site that the request comes from are looked at in every case.
"""

from __future__ import annotations

import hmac
import http
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from maxent_robot.errors import ConfigError

LOOPBACK, PORT = "127.0.0.1", 8080
"""Where the console is served unless it is told otherwise."""
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "::")
"""Addresses that stand for all of a machine's own."""
TOKEN_LENGTH_MIN = 16

_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{TOKEN_LENGTH_MIN},}}")


@dataclass(frozen=True)
class Answer:
    """What a request gets instead of the page."""

    status: http.HTTPStatus
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Gate:
    """Admits requests or answers them.

    Args:
        host: address that the server listens on.
        port: of the server; cookies are not kept apart by port.
        token: what a browser has to know; empty: only this machine's browsers are admitted.

    Raises:
        ConfigError: the host can be reached from elsewhere and there is no token, or it is too short to be a secret.
    """

    def __init__(self, host: str, port: int, token: str = "") -> None:
        if not token and host not in LOOPBACK_NAMES:
            raise ConfigError(
                f"host is '{host}', which other machines can reach, and token is empty: give a token of at least "
                f"{TOKEN_LENGTH_MIN} characters, or one of the hosts {', '.join(LOOPBACK_NAMES)}"
            )
        if token and not _TOKEN.fullmatch(token):
            raise ConfigError(
                f"token has {len(token)} characters, must be at least {TOKEN_LENGTH_MIN} letters, digits, '-' and '_'"
            )
        self._token = token
        self._cookie = f"maxent_robot_console_{port}"

    def check(self, path: str, headers: Mapping[str, str], websocket: bool) -> Answer | None:
        """What to answer; None: let it in.

        Args:
            path: of the request, with its query.
            headers: of the request, by name, whatever its case.
            websocket: whether it asks for the WebSocket.
        """
        given = {name.lower(): value for name, value in headers.items()}
        host = given.get("host", "")
        if not self._token and _name(f"//{host}") not in LOOPBACK_NAMES:
            return Answer(http.HTTPStatus.FORBIDDEN, f"Without a token, this console is for {LOOPBACK} only.\n")
        origin = given.get("origin", "")
        if websocket and origin and urlsplit(origin).netloc.lower() != host.lower():
            return Answer(http.HTTPStatus.FORBIDDEN, "The console takes no orders from the pages of other sites.\n")
        return self._check_token(path, given.get("cookie", ""), websocket) if self._token else None

    def _check_token(self, path: str, cookie: str, websocket: bool) -> Answer | None:
        address = urlsplit(path)
        (shown, *_) = parse_qs(address.query).get("token", [""])
        if shown and self._is_token(shown):
            if websocket:
                return None
            cookie = f"{self._cookie}={shown}; HttpOnly; SameSite=Lax; Path=/"
            return Answer(http.HTTPStatus.FOUND, "", {"Location": address.path or "/", "Set-Cookie": cookie})
        if self._is_token(self._from_cookie(cookie)):
            return None
        return Answer(
            http.HTTPStatus.UNAUTHORIZED, "This console needs its token: open the address that its log shows.\n"
        )

    def _is_token(self, shown: str) -> bool:
        return hmac.compare_digest(shown.encode(), self._token.encode())

    def _from_cookie(self, header: str) -> str:
        # By hand: `http.cookies` drops all of a header in which another cookie of this host is odd.
        pairs = (pair.partition("=") for pair in header.split(";"))
        return next((value.strip() for name, _, value in pairs if name.strip() == self._cookie), "")


def _name(address: str) -> str:
    """Host name of an address, in lower case; empty where there is none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
