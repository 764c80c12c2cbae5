"""Take the pictures of a report that the README and the documentation show, in light and dark.

cotrain compare examples/films/compare.yaml
python docs/build_picture.py comparisons/compare/report.html films-verdict --sections 1
python docs/build_picture.py comparisons/compare/report.html films-report --sections 2

cotrain train vision.yaml --run runs/vision
python docs/build_picture.py runs/vision/report.html scenes-rows --only "12 test rows" --height 678

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
COLOURS = 240
#: Larger than the part that is kept: the rest of the window is cut off.
HEIGHT = 1800
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]  # fmt: skip


def shoot(markup: str, picture: Path, *, height: int, dark: bool) -> None:
    """Write a screenshot of the top of a page."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        sys.exit("There is no Chromium: install Debian's package chromium.")
    with tempfile.TemporaryDirectory() as folder:
        raw, part = Path(folder) / "raw.png", Path(folder) / "part.html"
        part.write_text(markup, encoding="utf-8")
        command = [
            browser, *FLAGS, f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{HEIGHT}",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}", f"--screenshot={raw}", part.as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        image = Image.open(raw).convert("RGB")
        few = trimmed(image.crop((0, 0, WIDTH, height))).quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(picture, optimize=True)


def first_sections(markup: str, sections: int) -> str:
    """Return the page without what follows the wanted sections."""
    starts = [found.start() for found in re.finditer(r"<section ", markup)]
    end = starts[sections] if len(starts) > sections else markup.index("<footer>")
    return markup[:end] + "</main></body></html>"


def one_section(markup: str, title: str) -> str:
    """Return the page with nothing but the section whose title begins so."""
    head = markup[: markup.index("<main>") + len("<main>")]
    starts = [found.start() for found in re.finditer(r"<section ", markup)]
    for start, end in zip(starts, [*starts[1:], markup.index("<footer>")], strict=True):
        if re.search(rf"<h2[^>]*><bdi>{re.escape(title)}", markup[start:end]):
            return f"{head}{markup[start:end]}</main></body></html>"
    sys.exit(f"No section begins with {title!r}.")


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
    parser.add_argument("--only", help="how the title of the one section to show begins")
    parser.add_argument("--height", type=int, default=HEIGHT, help="pixels at most")
    given = parser.parse_args()
    markup = given.report.read_text(encoding="utf-8")
    part = one_section(markup, given.only) if given.only else first_sections(markup, given.sections)
    IMAGES.mkdir(exist_ok=True)
    for scheme in ("light", "dark"):
        picture = IMAGES / f"{given.name}-{scheme}.png"
        shoot(part, picture, height=given.height, dark=scheme == "dark")
        print(f"Wrote {picture} ({picture.stat().st_size / 1024:.0f} KiB).")


if __name__ == "__main__":
    main()
