"""The tokens keep the contrast the design promises, in both themes.

Computed from tokens.css itself: OKLCH to linear sRGB, then the WCAG 2 ratio.
Source: Björn Ottosson, "A perceptual color space for image processing" (2020); WCAG 2.2,
relative luminance.
"""

from __future__ import annotations

import math
import re

import pytest

from surehold.web.assets import FOLDER

TEXT = 14.0
MUTED = 5.0
BADGE = 6.0
INPUT = 3.0
CHART = 4.3
BUTTON = 4.5
FOCUS = 3.0
TONES = ("ok", "warn", "bad", "info")


def tokens(theme: str) -> dict[str, str]:
    """The tokens of a theme; dark ones stand on top of the light ones, as in the browser."""
    css = re.sub(
        r"/\*.*?\*/",
        "",
        (FOLDER / "css" / "tokens.css").read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    found: dict[str, str] = {}
    for selector in (":root", ".dark") if theme == "dark" else (":root",):
        block = css[css.index(f"{selector} {{") :]
        found |= dict(re.findall(r"(--[\w-]+):\s*([^;]+);", block[: block.index("}")]))
    return found


def linear_rgb(color: str) -> tuple[float, float, float]:
    """Linear sRGB of ``#rgb``, ``#rrggbb`` or ``oklch(l c h)``, clipped to the screen's gamut."""
    if color.startswith("#"):
        digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
        red, green, blue = (int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4))
        return expand(red), expand(green), expand(blue)
    match = re.fullmatch(r"oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)", color)
    assert match, f"cannot read {color}"
    lightness, chroma, hue = (float(part) for part in match.groups())
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        clip(4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short),
        clip(-1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short),
        clip(-0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short),
    )


def expand(value: float) -> float:
    """One sRGB channel without its gamma."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def clip(value: float) -> float:
    """What a screen can show."""
    return min(max(value, 0.0), 1.0)


def contrast(first: str, second: str) -> float:
    """The WCAG ratio of two colors."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    """WCAG relative luminance."""
    red, green, blue = linear_rgb(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def pairs() -> list[tuple[str, str, float]]:
    """Foreground, background and the least ratio between them."""
    grounds = ("--background", "--card", "--popover")
    return [
        *(("--foreground", ground, TEXT) for ground in grounds),
        *(("--muted-foreground", ground, MUTED) for ground in (*grounds, "--muted")),
        *((f"--{tone}-fg", f"--{tone}-bg", BADGE) for tone in TONES),
        *(
            (f"--{tone}-fg", ground, BUTTON)
            for tone in TONES
            for ground in ("--background", "--card")
        ),
        *(("--input", ground, INPUT) for ground in ("--background", "--card")),
        *((f"--chart-{number}", "--card", CHART) for number in range(1, 7)),
        ("--primary-foreground", "--primary", BUTTON),
        ("--primary-foreground", "--primary-hover", BUTTON),
        ("--destructive-foreground", "--destructive", BUTTON),
        ("--primary", "--card", BUTTON),
        ("--primary", "--background", BUTTON),
        ("--sidebar-foreground", "--sidebar", TEXT),
        ("--sidebar-accent-foreground", "--sidebar-accent", BUTTON),
        ("--foreground", "--accent", BUTTON),
        ("--ring", "--background", FOCUS),
        ("--ring", "--card", FOCUS),
        *(("--foreground", f"--{tone}-bg", BUTTON) for tone in TONES),
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("foreground", "ground", "least"), pairs())
def test_pair_keeps_its_contrast(theme: str, foreground: str, ground: str, least: float) -> None:
    values = tokens(theme)

    assert contrast(values[foreground], values[ground]) >= least


def test_the_measure_agrees_with_known_values() -> None:
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.01)
    assert linear_rgb("oklch(1 0 0)") == pytest.approx((1, 1, 1), abs=0.001)
    assert linear_rgb("oklch(0.6279554 0.2576833 29.2338811)") == pytest.approx(
        (1, 0, 0), abs=0.001
    )


def test_both_themes_set_the_whole_basecoat_set() -> None:
    vendored = (FOLDER / "vendor" / "basecoat.min.css").read_text(encoding="utf-8")
    used = set(re.findall(r"--color-[\w-]+:var\((--[\w-]+)\)", vendored))

    assert used
    assert used - tokens("light").keys() == set()
    assert {name for name in used if name.startswith("--chart") or "foreground" in name} - tokens(
        "dark"
    ).keys() == set()
