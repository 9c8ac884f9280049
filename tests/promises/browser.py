"""A real browser without a window, driven through the DevTools protocol over two pipes."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SECONDS = 60.0
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-extensions", "--hide-scrollbars",
    "--force-color-profile=srgb", "--remote-debugging-pipe",
)  # fmt: skip


def program() -> str:
    """Return a browser that can be driven, or empty."""
    return next(filter(None, map(shutil.which, NAMES)), "")


def _pipe() -> tuple[int, int]:
    """Return the ends of a pipe, neither of which is 3 or 4: there the browser has its own."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]


class Browser:
    """One browser with one page."""

    def __init__(self, folder: Path) -> None:
        (theirs_in, self._out), (self._in, theirs_out) = _pipe(), _pipe()
        moved = [
            (os.POSIX_SPAWN_DUP2, theirs_in, 3), (os.POSIX_SPAWN_DUP2, theirs_out, 4),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ]  # fmt: skip
        arguments = [program(), *_FLAGS, f"--user-data-dir={folder}", "about:blank"]
        self._pid = os.posix_spawn(
            arguments[0], arguments, os.environ, file_actions=moved, setpgroup=0
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._number = 0
        self._rest = b""
        self._session = ""
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def close(self) -> None:
        with suppress(OSError):
            os.killpg(self._pid, signal.SIGKILL)
        with suppress(OSError):
            os.waitpid(self._pid, 0)
        os.close(self._in)
        os.close(self._out)

    def send(self, method: str, **params: Any) -> Any:
        """Ask the browser for something and return its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _receive(self) -> dict[str, Any]:
        until = time.monotonic() + _SECONDS
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], until - time.monotonic())
            assert ready, "the browser doesn't answer"
            data = os.read(self._in, 1 << 20)
            assert data, "the browser has ended"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(params["exceptionDetails"])[:2000])
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.problems.append(json.dumps(params["args"])[:2000])
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.problems.append(params["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Page.javascriptDialogOpening":
                self.problems.append(f"dialog: {params['message']}")
            case str():
                self._events.append(message)

    def open(
        self, path: Path, width: int, height: int = 900, dark: bool = False, script: bool = True
    ) -> None:
        """Open a file in a window of this size, and wait until it is there."""
        self.problems.clear()
        self.requests.clear()
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send("Emulation.setScriptExecutionDisabled", value=not script)
        self._events.clear()
        self.send("Page.navigate", url=path.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._receive()
        if script:
            self.run(
                "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
            )

    def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; a promise is waited for."""
        found = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def point(self, kind: str, x: float, y: float, button: str = "none") -> None:
        """Move, press or release the mouse: `mouseMoved`, `mousePressed`, `mouseReleased`."""
        buttons = int(button == "left" and kind != "mouseReleased")
        self.send(
            "Input.dispatchMouseEvent",
            type=kind, x=x, y=y, button=button, buttons=buttons, clickCount=int(button == "left"),
        )  # fmt: skip

    def picture(self, path: Path) -> None:
        """Write a PNG of the whole page."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def paper(self, path: Path) -> None:
        """Write the page as PDF, as it is printed."""
        printed = self.send("Page.printToPDF", printBackground=False, preferCSSPageSize=True)
        path.write_bytes(base64.b64decode(printed["data"]))


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start a browser, and end it."""
    started = Browser(folder)
    try:
        yield started
    finally:
        started.close()


def settle(window: Browser) -> None:
    """Wait until what was just asked for is drawn."""
    window.run("new Promise(done => setTimeout(() => requestAnimationFrame(done), 200))")


def until(window: Browser, condition: str) -> None:
    """Wait until something holds on the page, at most ten seconds."""
    held = window.run(
        f"(async () => {{ for (let turn = 0; turn < 200; turn += 1) {{ if ({condition}) return true;"
        " await new Promise(done => setTimeout(done, 50)); } return false; })()"
    )
    assert held, condition


def click(window: Browser, selector: str) -> None:
    """Click the first element that a selector finds."""
    window.run(f"document.querySelector({selector!r}).click()")
    settle(window)


def assert_quiet(window: Browser) -> None:
    """Nothing complained, and nothing was asked of any network."""
    assert window.problems == []
    assert [url for url in window.requests if not url.startswith(("file:", "data:"))] == []
