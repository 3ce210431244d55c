"""Console in Chromium, read as a person reads it: rows of the sensor list and of the hazards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page


class ConsolePage:
    """One signed-in page in English. folder: of the screenshots."""

    def __init__(self, page: Page, url: str, folder: Path) -> None:
        self._page, self._url, self._folder = page, url, folder
        self._errors: list[str] = []
        page.on("pageerror", lambda error: self._errors.append(str(error)))

    def sign_in(self, username: str, password: str) -> None:
        """Sign in by the form."""
        self._page.goto(self._url)
        self._page.fill("input[name=username]", username)
        self._page.fill("input[name=password]", password)
        self._page.keyboard.press("Enter")
        self._page.wait_for_selector("nav")

    def sensors(self, step: str) -> dict[str, str]:
        """Return id -> text of each row of the sensor list; makes a screenshot."""
        return self._rows(step, "sensors", "sensor")

    def hazards(self, step: str) -> list[str]:
        """Return the text of each row of the hazard list; makes a screenshot."""
        return list(self._rows(step, "hazards", "hazard").values())

    def errors(self) -> list[str]:
        """Return the script errors so far."""
        return self._errors

    def _rows(self, step: str, screen: str, row: str) -> dict[str, str]:
        self._page.goto(f"{self._url}/#/{screen}")
        self._page.wait_for_selector(f"[data-testid={row}]")
        self._page.screenshot(path=self._folder / f"{step.replace(' ', '-')}-{screen}.png")
        found = self._page.locator(f"[data-testid={row}]")
        texts = [" ".join(text.split()) for text in found.all_inner_texts()]
        names = [text.split(" ", 1)[0] for text in texts] if row == "sensor" else map(str, range(len(texts)))
        return dict(zip(names, texts, strict=True))


@contextmanager
def console_page(browser: Browser, url: str, folder: Path) -> Iterator[ConsolePage]:
    """Yield a page of the console of a service."""
    folder.mkdir()
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(30_000)
    page.add_init_script("localStorage.setItem('twinward.language', 'en')")
    yield ConsolePage(page, url, folder)
    page.close()
