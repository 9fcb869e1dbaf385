"""Headless Chromium, driven through its debugging pipe with Python's standard library alone.

    with Browser() as browser:
        page = browser.open("file:///tmp/report.html", width=1280, height=900)
        page.evaluate("document.title")

Every error that the page logs or throws, and every request that leaves the disk, is kept in
`page.complaints`.
"""

import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time


class BrowserError(RuntimeError):
    """Chromium could not be started, stopped answering, or a script in the page failed."""


def find_chromium():
    """Path of the browser, or None."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return shutil.which(name)
    return None


class Browser:
    """A browser process with a profile and a download folder of its own."""

    def __init__(self, timeout=60.0):
        self.timeout = timeout
        self.folder = tempfile.TemporaryDirectory(prefix="latetime_browser_", ignore_cleanup_errors=True)
        self.downloads = pathlib.Path(self.folder.name) / "downloads"
        self.downloads.mkdir()
        self.last_id = 0
        self.buffer = b""
        self.listeners = []
        program = find_chromium()
        if program is None:
            raise BrowserError("chromium is not installed; run scripts/install-deps")
        self._start(program)

    def _start(self, program):
        to_browser, self.output = os.pipe()
        self.input, from_browser = os.pipe()

        def place():  # the browser reads descriptor 3 and writes to 4
            low, high = os.dup(to_browser), os.dup(from_browser)
            os.dup2(low, 3)
            os.dup2(high, 4)

        arguments = [program, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
                     "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                     "--hide-scrollbars", f"--user-data-dir={self.folder.name}/profile", "about:blank"]
        self.process = subprocess.Popen(arguments, preexec_fn=place, pass_fds=(3, 4), start_new_session=True,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        if self.process.poll() is None:
            try:
                self.call("Browser.close")
            except BrowserError:
                pass
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for descriptor in (self.output, self.input):
            os.close(descriptor)
        self.folder.cleanup()

    def call(self, method, parameters=None, session=None, timeout=None):
        """Sends a command of the DevTools protocol and returns its result."""
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        wanted = self.last_id
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.output, data):]
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            answer = self.receive(deadline)
            if answer is None:
                raise BrowserError(f"no answer to {method}")
            if answer.get("id") == wanted:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def receive(self, deadline):
        """The next message, after events have gone to their listeners; None at the deadline."""
        while b"\0" not in self.buffer:
            wait = deadline - time.monotonic()
            if wait <= 0 or not select.select([self.input], [], [], wait)[0]:
                return None
            data = os.read(self.input, 1 << 16)
            if not data:
                raise BrowserError("chromium ended")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(line)
        if "method" in message:
            for listener in self.listeners:
                listener(message)
        return message

    def open(self, url, **size):
        return Page(self, url, **size)


class Page:
    """A tab. Sizes are in CSS pixels."""

    def __init__(self, browser, url, width=1280, height=900, dark=False):
        self.browser = browser
        self.complaints = []
        self.loaded = False
        target = browser.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self.target = target
        self.session = browser.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        browser.listeners.append(self._listen)
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.call("Performance.enable", {"timeDomain": "threadTicks"})
        browser.call("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(browser.downloads)})
        self.resize(width, height)
        self.call("Emulation.setEmulatedMedia",
                  {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        self.call("Page.navigate", {"url": url})
        self.wait_for(lambda: self.loaded, "the page did not load")

    def call(self, method, parameters=None):
        return self.browser.call(method, parameters, self.session)

    def close(self):
        self.browser.listeners.remove(self._listen)
        self.browser.call("Target.closeTarget", {"targetId": self.target})

    def _listen(self, message):
        if message.get("sessionId") != self.session:
            return
        method, content = message["method"], message["params"]
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Runtime.consoleAPICalled" and content["type"] in ("error", "warning", "assert"):
            texts = [str(one.get("value", one.get("description", one))) for one in content["args"]]
            self.complaints.append(f"console.{content['type']}: " + " ".join(texts))
        elif method == "Runtime.exceptionThrown":
            details = content["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and content["entry"]["level"] in ("error", "warning"):
            self.complaints.append(content["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            url = content["request"]["url"]
            if not url.startswith(("file:", "data:", "blob:", "about:")):
                self.complaints.append(f"request to {url}")

    def resize(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride",
                  {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def evaluate(self, expression):
        """The value of a JavaScript expression; a promise is awaited."""
        result = self.call("Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True})
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description", details["text"]))
        return result["result"].get("value")

    def wait_for(self, condition, complaint, timeout=None):
        """Waits until a Python function, or a JavaScript expression, is true."""
        deadline = time.monotonic() + (timeout or self.browser.timeout)
        while not (condition() if callable(condition) else self.evaluate(condition)):
            if time.monotonic() > deadline:
                raise BrowserError(complaint)
            self.browser.receive(time.monotonic() + 0.02)

    def move_pointer(self, x, y):
        self.call("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": y})

    def press(self, key):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", {"type": kind, "key": key, "code": key})

    def screenshot(self, path, whole=False):
        """A PNG of the window, or of the whole page."""
        parameters = {"format": "png", "captureBeyondViewport": whole}
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            parameters["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot", parameters)["data"]))
