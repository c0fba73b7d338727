"""The data in a page, and a browser to open it with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Page", "browser", "data_of", "facts_of", "opened"]


def data_of(page: str) -> dict[str, Any]:
    """The pictures of a page, by their keys."""
    return _json(page, "data")


def facts_of(page: str) -> dict[str, Any]:
    """Return the data that the pictures of a page share: the facts of each box, the layers, and the words to search."""
    return _json(page, "facts")


def _json(page: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.partition(f'id="{name}">')[2].partition("</script>")[0])
    return found


class Page:
    """A page in a browser."""

    def __init__(self, driver: Any, address: str) -> None:
        self.driver = driver
        self.address = address

    def go(self, state: str = "") -> None:
        """Open the page anew, in a state such as "step=4"."""
        self.driver.get("about:blank")
        self.driver.get(self.address + (f"#{state}" if state else ""))

    def run(self, code: str) -> Any:
        """The value of an expression of JavaScript."""
        return self.driver.execute_script(f"return ({code})")

    def size(self, width: int, height: int = 800, dark: bool = False) -> None:
        """Set the size of the screen, and its theme."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})

    def press(self, *keys: str) -> None:
        """Press keys, at the element in focus."""
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def click(self, selector: str) -> None:
        """Click the middle of an element, SVG's too."""
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.by import By

        ActionChains(self.driver).move_to_element(self.driver.find_element(By.CSS_SELECTOR, selector)).click().perform()

    def complaints(self) -> list[str]:
        """Return the messages of the browser's console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


@contextmanager
def browser() -> Iterator[Any]:
    """Start the system's Chromium without a window; skip the test where there is none."""
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    driver = shutil.which("chromedriver")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if driver is None or program is None:
        pytest.skip("this machine has no chromedriver with a browser")
    options = selenium.ChromeOptions()
    options.binary_location = program
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,800"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = selenium.Chrome(options=options, service=Service(driver))
    try:
        yield started
    finally:
        started.quit()


def opened(driver: Any, folder: Path, html: str) -> Page:
    """Write a page into a folder, and open it."""
    path = folder / "page.html"
    path.write_text(html, "utf-8")
    page = Page(driver, path.as_uri())
    page.size(1200)
    page.go()
    return page
