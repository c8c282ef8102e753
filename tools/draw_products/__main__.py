"""Write every picture of the series into a folder (by default the demo's own)."""

import sys
from pathlib import Path

from .picture import Picture
from .series import SERIES

IMAGES = Path(__file__).resolve().parents[2] / "src" / "surehold" / "demo" / "images"


def main(folder: Path) -> None:
    """Draw all pictures, and remove pictures the series no longer has."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        if old.stem not in SERIES:
            old.unlink()
    for stem, draw in SERIES.items():
        picture = Picture(stem)
        draw(picture)
        title = stem.rpartition("-")[0].replace("-", " ").capitalize()
        (folder / f"{stem}.svg").write_text(picture.svg(title), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)
