"""The canvas: one picture with its light, backdrop, shadows and materials, written as SVG.

Light comes from the upper left and the camera looks slightly down, in every picture.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from zlib import crc32

from .color import GLOW, INK, dark, light, mix
from .shape import box, number, oval

WIDTH: Final = 800
HEIGHT: Final = 1000

Value = str | float
Stop = tuple[float, str] | tuple[float, str, float]

# wall above, wall at the horizon, floor at the horizon, floor near us
BACKDROPS: Final = {
    "paper": ("#f3eee4", "#e9e2d5", "#ddd4c3", "#e9e2d4"),
    "sand": ("#ece0cb", "#e2d2b8", "#d3c0a2", "#e2d2b9"),
    "clay": ("#ecd7c8", "#dfc3b0", "#d0ae98", "#e2cab8"),
    "sage": ("#dde2d4", "#cdd4c1", "#bac3ab", "#cfd6c2"),
    "sea": ("#cfdedb", "#b9cfcb", "#a3bdb8", "#bcd1cc"),
    "mist": ("#e3e8e8", "#d3dbdc", "#c1cbcd", "#d5dddd"),
    "deep": ("#2f5654", "#254846", "#1b3938", "#2a4e4c"),
    "night": ("#38444a", "#2b363b", "#20292d", "#323d42"),
}
HORIZON: Final = 0.66

# What light does across a round body: (offset, share), positive toward light, negative toward dark.
FINISHES: Final = {
    "matte": ((0, -0.2), (0.1, -0.05), (0.3, 0.16), (0.55, 0), (0.86, -0.3), (1, -0.2)),
    "satin": ((0, -0.3), (0.08, -0.05), (0.22, 0.36), (0.34, 0.1), (0.6, -0.06), (0.88, -0.4), (1, -0.25)),
    "gloss": ((0, -0.3), (0.1, 0), (0.16, 0.6), (0.22, 0.12), (0.6, -0.1), (0.9, -0.45), (1, -0.2)),
    "metal": (
        (0, -0.5), (0.07, 0.1), (0.15, -0.12), (0.27, 0.72), (0.38, 0.2), (0.58, -0.2),
        (0.76, -0.5), (0.87, 0.12), (0.93, -0.1), (1, -0.55),
    ),
}  # fmt: skip

# base frequency, octaves, alpha from noise: contrast and offset
GRAINS: Final = {
    "wool": ("0.35 0.5", 2, 3.2, -1.35),
    "canvas": ("0.7 0.9", 1, 2.6, -1.0),
    "linen": ("0.04 0.7", 2, 3.2, -1.35),
    "linen-down": ("0.7 0.04", 2, 3.2, -1.35),
    "speckle": ("0.16", 2, 11, -7.2),
    "wood": ("0.012 0.16", 3, 3.4, -1.5),
    "wood-across": ("0.16 0.012", 3, 3.4, -1.5),
    "cast": ("0.8", 2, 2.4, -1.0),
    "leather": ("0.22", 3, 2.6, -1.15),
}


def tone(color: str, share: float) -> str:
    """Return the color lit (positive share) or shaded (negative)."""
    return light(color, share) if share >= 0 else dark(color, -share)


class Picture:
    """One picture under construction."""

    def __init__(self, stem: str) -> None:
        # Ids must differ between files, which may end up in one page; they are written often, so short.
        self._prefix = f"n{crc32(stem.encode()):08x}"[:6]
        self._defs: dict[str, str] = {}
        self._body: list[str] = []

    # -- writing ---------------------------------------------------------------------------------

    def _reference(self, template: str) -> str:
        """Keep a definition once and refer to it; its id is unique across all files of the series."""
        name = self._defs.setdefault(template, f"{self._prefix}-{len(self._defs)}")
        return f"url(#{name})"

    @staticmethod
    def _attributes(attrs: dict[str, Value]) -> str:
        return "".join(
            f' {name.replace("_", "-")}="{value if isinstance(value, str) else _short(value)}"'
            for name, value in attrs.items()
        )

    def path(self, d: str, fill: str = "none", **attrs: Value) -> None:
        """Draw an outline."""
        self._body.append(f'<path d="{d}" fill="{fill}"{self._attributes(attrs)}/>')

    def stroke(self, d: str, color: str, width: float, **attrs: Value) -> None:
        """Draw a line; its ends are round, as the whole file says, unless told otherwise."""
        self.path(d, "none", stroke=color, stroke_width=width, **attrs)

    @contextmanager
    def group(self, **attrs: Value) -> Iterator[None]:
        """Draw what is inside with shared attributes (clip_path, opacity, transform, filter)."""
        self._body.append(f"<g{self._attributes(attrs)}>")
        yield
        self._body.append("</g>")

    def svg(self, title: str) -> str:
        """Return the finished file."""
        body = "\n".join(self._body)
        defs = "\n".join(text.replace("@", name, 1) for text, name in self._defs.items())
        defs, body = self._share(defs, body)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
            f' viewBox="0 0 {WIDTH} {HEIGHT}" role="img" stroke-linecap="round" stroke-linejoin="round">\n'
            f"<title>{title}</title>\n<defs>\n{defs}\n</defs>\n{body}\n</svg>\n"
        )

    def _share(self, defs: str, body: str) -> tuple[str, str]:
        """Write an outline that occurs several times only once."""
        found = Counter(re.findall(r'<path (d="[^"]{60,}")', defs + body))
        shared = []
        for i, (outline, times) in enumerate(found.items()):
            if times > 1:
                name = f"{self._prefix}-s{i}"
                shared.append(f'<path id="{name}" {outline}/>')
                defs, body = (
                    part.replace(f"<path {outline}", f'<use href="#{name}"')
                    for part in (defs, body)
                )
        return "\n".join([*shared, defs]), body

    # -- paint -----------------------------------------------------------------------------------

    @staticmethod
    def _stops(stops: Sequence[str | Stop]) -> str:
        last = max(len(stops) - 1, 1)
        parts = []
        for i, stop in enumerate(stops):
            offset, color, opacity = (
                (i / last, stop, 1.0)
                if isinstance(stop, str)
                else (stop[0], stop[1], *stop[2:], 1.0)[:3]
            )
            shown = "" if opacity == 1 else f' stop-opacity="{_short(opacity)}"'
            parts.append(f'<stop offset="{_short(offset)}" stop-color="{color}"{shown}/>')
        return "".join(parts)

    def across(self, *stops: str | Stop) -> str:
        """Paint from left to right."""
        return self._reference(f'<linearGradient id="@">{self._stops(stops)}</linearGradient>')

    def down(self, *stops: str | Stop) -> str:
        """Paint from top to bottom."""
        return self.slant(*stops, ends=(0, 0, 0, 1))

    def slant(
        self, *stops: str | Stop, ends: tuple[float, float, float, float] = (0, 0, 1, 1)
    ) -> str:
        """Paint between two points of the shape's own box."""
        x1, y1, x2, y2 = (_short(v) for v in ends)
        head = f'<linearGradient id="@" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}">'
        return self._reference(f"{head}{self._stops(stops)}</linearGradient>")

    def glow(self, *stops: str | Stop, at: tuple[float, float, float] = (0.5, 0.5, 0.5)) -> str:
        """Paint outward from a point of the shape's own box: (x, y, radius)."""
        cx, cy, r = (_short(v) for v in at)
        head = f'<radialGradient id="@" cx="{cx}" cy="{cy}" r="{r}">'
        return self._reference(f"{head}{self._stops(stops)}</radialGradient>")

    def finish(self, color: str, kind: str = "matte") -> str:
        """Paint a round body of this color: light on the left, shade on the right."""
        return self.across(*((offset, tone(color, share)) for offset, share in FINISHES[kind]))

    def clip(self, d: str) -> str:
        """Return a reference that cuts a group to an outline."""
        return self._reference(f'<clipPath id="@"><path d="{d}"/></clipPath>')

    def blur(self, radius: float) -> str:
        """Return a filter that softens a shape."""
        return self._reference(_blur(radius))

    # -- scene -----------------------------------------------------------------------------------

    def studio(self, name: str = "paper", *, horizon: float = HORIZON) -> None:
        """Lay a wall and a floor that run into each other, with light falling from the left."""
        top, wall, floor, near = BACKDROPS[name]
        sweep = self.down((0, top), (horizon - 0.03, wall), (horizon + 0.03, floor), (1, near))
        self.path(box(0, 0, WIDTH, HEIGHT), sweep)
        self._daylight(name)

    def wall(self, name: str = "paper") -> None:
        """Lay a surface without a horizon: a wall things hang on, or a table seen from above."""
        top, wall, floor, _ = BACKDROPS[name]
        self.path(
            box(0, 0, WIDTH, HEIGHT),
            self.slant(top, wall, mix(wall, floor, 0.8), ends=(0.1, 0, 0.9, 1)),
        )
        self._daylight(name)

    def _daylight(self, name: str) -> None:
        strength = 0.16 if name in {"deep", "night"} else 0.55
        pool = self.glow((0, GLOW, strength), (1, GLOW, 0), at=(0.3, 0.28, 0.62))
        self.path(box(0, 0, WIDTH, HEIGHT), pool)

    def ground(
        self, cx: float, y: float, rx: float, *, ry: float | None = None, strength: float = 1.0
    ) -> None:
        """Lay the shadow of something that stands: dark where it touches, long and faint to the right."""
        ry = rx * 0.17 if ry is None else ry
        far = self.glow((0, INK, 0.3 * strength), (0.5, INK, 0.13 * strength), (1, INK, 0))
        near = self.glow((0, INK, 0.55 * strength), (0.65, INK, 0.36 * strength), (1, INK, 0))
        self.path(oval(cx + rx * 0.45, y + ry * 0.25, rx * 1.65, ry * 1.75), far)
        self.path(oval(cx + rx * 0.06, y + ry * 0.1, rx * 1.13, ry * 1.2), near)

    def drop(
        self, d: str, *, dx: float = 16, dy: float = 22, soft: float = 16, strength: float = 0.32
    ) -> None:
        """Lay the shadow of something flat on a table or a wall."""
        shift = f"translate({number(dx)} {number(dy)})"
        self.path(d, INK, opacity=strength, transform=shift, filter=self.blur(soft))
        self.path(d, INK, opacity=strength * 0.7, transform="translate(3 5)", filter=self.blur(4))

    # -- material --------------------------------------------------------------------------------

    def body(self, d: str, color: str, kind: str = "matte", **attrs: Value) -> None:
        """Draw a round body."""
        self.path(d, self.finish(color, kind), **attrs)

    def grain(self, d: str, kind: str, color: str = INK, opacity: float = 0.25) -> None:
        """Lay a material over an outline: wool, canvas, speckle, wood, leather, cast iron."""
        frequency, octaves, contrast, offset = GRAINS[kind]
        mask = self._reference(
            f'<filter id="@" x="0" y="0" width="1" height="1">'
            f'<feTurbulence type="fractalNoise" baseFrequency="{frequency}" numOctaves="{octaves}" seed="7"/>'
            f'<feColorMatrix values="0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 {contrast} 0 0 0 {offset}" result="n"/>'
            f'<feComposite in="SourceGraphic" in2="n" operator="in"/></filter>'
        )
        self.path(d, color, filter=mask, opacity=opacity)

    def soft(self, d: str, color: str = INK, opacity: float = 0.3, *, radius: float = 12) -> None:
        """Draw a blurred patch: a fold, a shade, a reflection."""
        self.path(d, color, opacity=opacity, filter=self.blur(radius))

    def crease(
        self,
        d: str,
        color: str = INK,
        width: float = 10,
        opacity: float = 0.3,
        *,
        radius: float = 6,
    ) -> None:
        """Draw a blurred line: a fold or a seam."""
        self.stroke(d, color, width, opacity=opacity, filter=self.blur(radius))

    def stitch(self, d: str, color: str, width: float = 3) -> None:
        """Draw a row of stitches."""
        self.stroke(d, color, width, stroke_dasharray="9 7", opacity=0.8)


def _short(value: Value) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _blur(radius: float) -> str:
    # In user space: a box of the shape's own size would cut off, or vanish under, thin lines.
    return (
        f'<filter id="@" x="-300" y="-300" width="1400" height="1600" filterUnits="userSpaceOnUse">'
        f'<feGaussianBlur stdDeviation="{number(radius)}"/></filter>'
    )
