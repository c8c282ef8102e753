"""Write css/basecoat.css: of the vendored components, the rules that a page or script can match.

    python -m tools.write_styles

Run it after a class of Basecoat's is used for the first time; a test says so. A rule is left out
only when every selector of it names a class that stands in no template and no script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

WEB: Final = Path(__file__).resolve().parents[1] / "src" / "surehold" / "web"
VENDORED: Final = WEB / "assets" / "vendor" / "basecoat.min.css"
WRITTEN: Final = WEB / "assets" / "css" / "basecoat.css"

_HEAD: Final = "/* Cut from vendor/basecoat.min.css by tools/write_styles.py; do not edit. */\n"
#: Blocks that hold rules; what else begins with an at-sign is kept as it is.
_HOLDERS: Final = ("@layer", "@media", "@supports", "@container")
_CLASS_ATTRIBUTE: Final = re.compile(r'class="([^"]*)"')
_QUOTED: Final = re.compile(r"'([^'\n]*)'")
_WORD: Final = re.compile(r"[\w-]+")
_CLASS: Final = re.compile(r"\.((?:\\.|[\w-])*[A-Za-z_-](?:\\.|[\w-])*)")
_BRACKETS: Final = re.compile(r"\([^()]*\)")
#: What ends or opens a statement, and what must be stepped over to find it.
_TOKEN: Final = re.compile(
    r"""/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\\.|[{};]""", re.DOTALL
)


def cut_styles() -> str:
    """What the written file must hold."""
    return _HEAD + _cut(VENDORED.read_text("utf-8"), _find_used()) + "\n"


def _find_used() -> set[str]:
    """Every word that may be a class: in a class attribute, in quotes, or in a script."""
    used: set[str] = set()
    for template in sorted((WEB / "templates").rglob("*.html")):
        text = template.read_text("utf-8")
        for found in (*_CLASS_ATTRIBUTE.findall(text), *_QUOTED.findall(text)):
            used.update(_WORD.findall(found))
    for script in sorted((WEB / "assets" / "js").glob("*.js")):
        used.update(_WORD.findall(script.read_text("utf-8")))
    return used


def _cut(styles: str, used: set[str]) -> str:
    kept = []
    for prelude, body in _statements(styles):
        if body is None:
            kept.append(f"{prelude};")
        elif prelude.lstrip().startswith(_HOLDERS):
            inside = _cut(body, used)
            if inside:
                kept.append(f"{prelude}{{{inside}}}")
        elif "@" in prelude or any(_can_match(one, used) for one in _selectors(prelude)):
            kept.append(f"{prelude}{{{body}}}")
    return "".join(kept)


def _statements(styles: str) -> Iterator[tuple[str, str | None]]:
    """Each rule of one level with its body, or a statement without one."""
    start = depth = opened = 0
    for token in _TOKEN.finditer(styles):
        match token.group():
            case "{":
                opened = token.start() if depth == 0 else opened
                depth += 1
            case "}":
                depth -= 1
                if depth == 0:
                    yield styles[start:opened], styles[opened + 1 : token.start()]
                    start = token.end()
            case ";" if depth == 0:
                yield styles[start : token.start()], None
                start = token.end()
            case _:
                pass


def _selectors(prelude: str) -> Iterator[str]:
    """The selectors of a rule: commas within brackets divide nothing."""
    start = depth = 0
    for place, letter in enumerate(prelude):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            yield prelude[start:place]
            start = place + 1
    yield prelude[start:]


def _can_match(selector: str, used: set[str]) -> bool:
    """Whether something may match. What stands in brackets may be one of several, or none."""
    while (bare := _BRACKETS.sub("", selector)) != selector:
        selector = bare
    return all(name.replace("\\", "") in used for name in _CLASS.findall(selector))


if __name__ == "__main__":
    WRITTEN.write_text(cut_styles(), encoding="utf-8")
