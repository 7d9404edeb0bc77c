"""Pictures of reports for the README: `python scripts/screenshots.py flights=FILE fashion=FILE`.

Each HTML report is opened in Chromium and its upper part kept as docs/images/report-NAME.png, in at
most 256 colours and 300 kB. FILE#SECTION begins at the section with that id. `DRIFTLOOP_CHROMIUM`
names another browser than /usr/bin/chromium.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
LARGEST = 300_000
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    """Draw all reports that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--width", type=int, default=1100, help="of the window, in CSS pixels")
    parser.add_argument("--height", type=int, default=1500, help="kept of the page, in CSS pixels")
    options = parser.parse_args()
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        path = os.environ.get("DRIFTLOOP_CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        for report in options.reports:
            name, _, file = report.partition("=")
            file, _, section = file.partition("#")
            address = f"{Path(file).resolve(strict=True).as_uri()}#{section}"
            picture = small(taken(browser, address, options.width, options.height))
            target = IMAGES / f"report-{name}.png"
            target.write_bytes(picture)
            print(f"{len(picture):>9,}  {target}")
        browser.close()


def taken(browser: Browser, address: str, width: int, height: int) -> bytes:
    """One window full of the page as a full-colour PNG."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
    page.goto(address)
    page.wait_for_load_state("networkidle")
    picture = page.screenshot()
    page.close()
    return picture


def small(picture: bytes) -> bytes:
    """The same picture in as many colours, at most 256, as fit into `LARGEST` bytes."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in (256, 128, 64, 32):
        stream = io.BytesIO()
        image.quantize(colours).save(stream, "PNG", optimize=True)
        if stream.tell() <= LARGEST:
            return stream.getvalue()
    sys.exit(f"the picture stays above {LARGEST:,} bytes; choose a smaller --height")


if __name__ == "__main__":
    main()
