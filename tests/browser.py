"""A headless Chromium for tests: pages that may ask nothing of any machine but this one."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SOFTWARE_WEBGL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
HERE = ("127.0.0.1", "localhost", None)
"""Hosts of this machine; None: what is inside the page itself."""


@contextmanager
def browser_page(width: int, height: int) -> Iterator[tuple[Any, set[str]]]:
    """A page of a browser that is installed, and the addresses that it has asked; without one the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", *SOFTWARE_WEBGL])
        page = browser.new_page(viewport={"width": width, "height": height})
        asked: set[str] = set()
        page.on("request", lambda request: asked.add(request.url))
        page.on("websocket", lambda socket: asked.add(socket.url))
        try:
            yield page, asked
        finally:
            browser.close()


def free_port() -> int:
    """Of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def elsewhere(asked: set[str]) -> list[str]:
    """Those addresses that are not of this machine."""
    return sorted(address for address in asked if urlsplit(address).hostname not in HERE)


def violations(page: Any, rules: tuple[str, ...]) -> list[str]:
    """Where a page breaks rules of axe (dequeuniversity.com/rules/axe), a line each."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page, options={"runOnly": {"type": "rule", "values": list(rules)}}).response["violations"]
    return [f"{broken['id']}: {node['html'][:120]}" for broken in found for node in broken["nodes"]]
