"""The web server of the console: viser's, behind a gate."""

from __future__ import annotations

import contextlib
import http
import io
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from maxent_robot.console.gate import Answer, Gate
from maxent_robot.errors import ConfigError, MaxentRobotError

if TYPE_CHECKING:
    import viser

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; worker-src 'self' blob: data:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; font-src 'self' data:; "
    "connect-src 'self' ws: wss: blob: data:; frame-ancestors 'none'"
)
"""Content security policy: what the page may load. It carries all that it needs, and no other site may frame it."""


class ConsoleError(MaxentRobotError):
    """The console can't be served."""


def open_server(host: str, port: int, gate: Gate) -> viser.ViserServer:
    """A server whose every request passes the gate first; `stop()` ends it.

    Raises:
        ConsoleError: viser is not installed, or the port is taken.
        ConfigError: a host that this machine does not have.
    """
    try:
        import viser
    except ImportError as error:
        raise ConsoleError(f"the console needs {error.name}: pip install 'maxent-robot[console]'") from error

    _require_free(host, port)
    with _gated(gate), contextlib.redirect_stdout(io.StringIO()):  # its banner has the address without the token
        server = viser.ViserServer(host=host, port=port, label="maxent_robot", verbose=False)
    if server.get_port() != port:
        server.stop()
        raise ConsoleError(f"port {port} of {host} was taken while the console started")
    _never_share(server)
    return server


def _require_free(host: str, port: int) -> None:
    """Raise where the address can't be listened on; viser would take the next port, which nobody has been told of."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        raise ConfigError(f"host is '{host}', must be an address of this machine: {error}") from error
    except OSError as error:
        raise ConsoleError(f"port {port} of {host} can't be used: {error.strerror}") from error


@contextlib.contextmanager
def _gated(gate: Gate) -> Iterator[None]:
    """Have the server that is made meanwhile ask the gate about each request, before viser sees it.

    viser makes its server with `websockets.asyncio.server.serve` and leaves no way to add to its `process_request`.
    """
    import websockets.asyncio.server as asyncio_server

    original = asyncio_server.serve

    def serve(*args: Any, process_request: Any, **options: Any) -> Any:
        def process(connection: Any, request: Any) -> Any:
            is_websocket = request.headers.get("Upgrade", "").lower() == "websocket"
            answer = gate.check(request.path, dict(request.headers.raw_items()), is_websocket)
            if answer is not None:
                return _response(answer)
            response = process_request(connection, request)
            if response is not None:
                response.headers["Content-Security-Policy"] = POLICY
                response.headers["Referrer-Policy"] = "no-referrer"
            return response

        return original(*args, process_request=process, **options)

    asyncio_server.serve = serve  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        asyncio_server.serve = original  # type: ignore[misc]


def _response(answer: Answer) -> Any:
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    body = answer.text.encode()
    headers = Headers({"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body)), **answer.headers})
    return Response(answer.status.value, http.HTTPStatus(answer.status).phrase, headers, body)


def _never_share(server: viser.ViserServer) -> None:
    """Take away what would open a tunnel to another machine when a browser asks for it."""
    from viser import _messages

    server._connection.unregister_handler(_messages.ShareUrlRequest)
