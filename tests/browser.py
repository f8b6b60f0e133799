"""A real headless browser. Chromium is looked for on the PATH; without one its tests are skipped on a person's machine,
loudly, and fail in CI.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.machine import do_without

# A closed network refuses Chromium's own background requests many at a time; they are switched off.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def launched() -> Iterator[Browser]:
    """A fresh browser, closed in the end."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        do_without("browser", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
