"""A headless Chromium that reports what a page does."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    # The browser itself may ask nobody either; what a page asks for then fails, and the console says so.
    "--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND",
]  # fmt: skip

#: Runs in a copy of the page only: the page itself has no script.
PROBE = """<script>addEventListener("load", () => {
  document.querySelectorAll("details").forEach((d) => { d.open = true; });
  const wide = [...document.querySelectorAll("main *")].filter((e) =>
    !e.closest(".scroll table") && e.getBoundingClientRect().right > innerWidth + 1).length;
  const facts = {width: innerWidth, scroll: document.documentElement.scrollWidth, wide,
    words: [...document.querySelectorAll(".word")].map((e) => e.innerText.slice(2)),
    sentences: [...document.querySelectorAll(".sentence")].map((e) => e.textContent),
    paper: getComputedStyle(document.body).backgroundColor, title: document.title,
    requests: performance.getEntriesByType("resource").map((e) => e.name)};
  document.body.dataset.facts = JSON.stringify(facts);
});</script></body>"""


@dataclass(frozen=True)
class Facts:
    """What was seen: numbers and texts from inside the page, and console lines."""

    inside: dict
    console: list[str]


def chromium() -> str:
    """Return the browser's path, or skip with a sentence."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("There is no Chromium on this machine: install Debian's package chromium.")
    return found


def visit(page: Path, folder: Path, width: int, *, dark: bool) -> Facts:
    """Open a page and return what it did; a screenshot is kept as WIDTH-light.png or WIDTH-dark.png."""
    copy = folder / "page.html"
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", PROBE), encoding="utf-8")
    name = f"{width}-{'dark' if dark else 'light'}"
    command = [
        chromium(), *FLAGS, f"--user-data-dir={folder / ('profile-' + name)}", f"--window-size={width},4000",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
    ]  # fmt: skip
    shot = [*command, f"--screenshot={folder / name}.png", page.as_uri()]
    subprocess.run(shot, capture_output=True, check=True)
    run = subprocess.run(
        [*command, "--dump-dom", copy.as_uri()],
        capture_output=True, text=True, check=True, encoding="utf-8",
    )  # fmt: skip
    facts = re.search(r'data-facts="([^"]*)"', run.stdout)
    assert facts is not None, "the page did not load to its end"
    console = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    return Facts(json.loads(html.unescape(facts[1])), console)
