"""A real Chromium without a window, and a service that it can reach."""

import importlib.util
import shutil
import socket
import threading
from contextlib import contextmanager

import pytest
import uvicorn

PATH = shutil.which("chromium") or shutil.which("chromium-browser")

needs_chromium = pytest.mark.skipif(
    PATH is None or importlib.util.find_spec("playwright") is None,
    reason="needs Debian's chromium package and the Python package playwright",
)


@contextmanager
def listening(app, listener=None):
    """Serve an application on a free port of this machine, or where somebody listens already; give its address."""
    listener = listener or socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listener.close()


@contextmanager
def chromium():
    """Start Chromium; give it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PATH, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """What a page did that no page of ours does: words on the console, faults, requests to elsewhere."""

    def __init__(self, page, home):
        self.said, self.elsewhere, self.asked = [], [], []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self._note(request.url, home))

    def _note(self, url, home):
        self.asked.append(url)
        if not url.startswith(f"{home}/"):
            self.elsewhere.append(url)
