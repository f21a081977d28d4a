"""Draws the README's pictures from the real thing: real Chromium, the running gate, its own policy.

`python -m tests.lab.pictures [FOLDER]`; the folder is `.pictures` at the top of the checkout unless
it is named.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from rules.loading import SHIPPED_POLICY
from tests.lab.browser import chromium
from tests.lab.palette import with_palette
from tests.lab.scene import ROOT, school
from tests.support.namespace import missing

WIDTH, HEIGHT = 880, 640
"""Of the browser's window; a picture is as long as its page."""

LARGEST = 150_000
"""Bytes of one picture: whoever reads a README did not ask for a download."""


def draw(folder: Path) -> Path:
    """The block page as a newcomer meets it, in `folder`/block-page.png."""
    target = folder / "block-page.png"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="schoolgate-pictures-") as name:
        work = Path(name)
        with school(work, SHIPPED_POLICY) as scene:
            trusted = {"school": scene.school_authority}
            size = {"width": WIDTH, "height": HEIGHT}
            with chromium(
                work,
                scene.namespace,
                trusted,
                scene.gate.proxy,
                viewport=size,
                color_scheme="light",
            ) as browser:
                page = browser.new_page()
                answer = page.goto("https://www.facebook.com/")
                assert answer is not None
                assert answer.status == 403
                target.write_bytes(with_palette(page.screenshot(full_page=True)))
    return target


def main() -> int:
    """Exit status 1, and a sentence, where a picture cannot be drawn or came out too large."""
    if why_not := missing("chromium", "certutil"):
        print(f"The pictures cannot be drawn here: this {why_not}.", file=sys.stderr)
        return 1
    target = draw(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".pictures")
    size = target.stat().st_size
    print(f"{target}: {size // 1000} KB")
    if size > LARGEST:
        print(f"That is more than {LARGEST // 1000} KB; make it smaller.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
