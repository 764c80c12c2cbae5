"""Take the pictures of a report that the README and the documentation show, in light and dark.

cotrain compare examples/films/compare.yaml
python docs/build_picture.py comparisons/compare/report.html films-verdict --sections 1
python docs/build_picture.py comparisons/compare/report.html films-report --sections 2

Needs Chromium and Pillow (which matplotlib brings). A picture ends where the last wanted section does.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).parent / "images"
WIDTH = 1080
COLOURS = 96
#: Larger than the part that is kept: the rest of the window is cut off.
HEIGHT = 1800
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]  # fmt: skip


def shoot(page: Path, picture: Path, sections: int, *, dark: bool) -> None:
    """Write a screenshot of the top of a page."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        sys.exit("There is no Chromium: install Debian's package chromium.")
    with tempfile.TemporaryDirectory() as folder:
        raw, part = Path(folder) / "raw.png", Path(folder) / "part.html"
        part.write_text(first_sections(page.read_text(encoding="utf-8"), sections), encoding="utf-8")
        command = [
            browser, *FLAGS, f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{HEIGHT}",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}", f"--screenshot={raw}", part.as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        image = Image.open(raw).convert("RGB")
        few = trimmed(image).quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(picture, optimize=True)


def first_sections(markup: str, sections: int) -> str:
    """Return the page without what follows the wanted sections."""
    starts = [found.start() for found in re.finditer(r"<section ", markup)]
    end = starts[sections] if len(starts) > sections else markup.index("<footer>")
    return markup[:end] + "</main></body></html>"


def trimmed(image: Image.Image) -> Image.Image:
    """Cut off the empty bottom of a picture."""
    from PIL import ImageChops

    empty = Image.new("RGB", image.size, image.getpixel((2, image.height - 2)))
    box = ImageChops.difference(image, empty).getbbox()
    return image.crop((0, 0, image.width, min(image.height, (box[3] if box else image.height) + 24)))


def main() -> None:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("name")
    parser.add_argument("--sections", type=int, default=2, help="how many of the report's sections to show")
    given = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    for scheme in ("light", "dark"):
        picture = IMAGES / f"{given.name}-{scheme}.png"
        shoot(given.report, picture, given.sections, dark=scheme == "dark")
        print(f"Wrote {picture} ({picture.stat().st_size / 1024:.0f} KiB).")


if __name__ == "__main__":
    main()
