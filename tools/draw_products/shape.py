"""Outlines: functions from measures to SVG path data. Nothing here knows about color."""

import math
from collections.abc import Iterable, Sequence

Point = tuple[float, float]


def number(value: float) -> str:
    """Write a coordinate with one decimal at most, and no trailing zero."""
    text = f"{value:.1f}"
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def pair(point: Point) -> str:
    """Write a point."""
    return f"{number(point[0])} {number(point[1])}"


def line(points: Iterable[Point], *, closed: bool = False) -> str:
    """Join points by straight lines."""
    return "M" + "L".join(pair(p) for p in points) + ("Z" if closed else "")


def _bends(points: Sequence[Point], *, closed: bool, tension: float) -> str:
    count = len(points)
    parts = []
    for i in range(count if closed else count - 1):
        if closed:
            a, b, c, d = (points[(i + k - 1) % count] for k in range(4))
        else:
            a, b, c = points[max(i - 1, 0)], points[i], points[i + 1]
            d = points[min(i + 2, count - 1)]
        one = (b[0] + (c[0] - a[0]) * tension, b[1] + (c[1] - a[1]) * tension)
        two = (c[0] - (d[0] - b[0]) * tension, c[1] - (d[1] - b[1]) * tension)
        # Relative and, for the handles, in whole units: half the bytes, no visible difference.
        start, end = (round(b[0], 1), round(b[1], 1)), (round(c[0], 1), round(c[1], 1))
        moves: list[float] = [
            round(v - s) for point in (one, two) for v, s in zip(point, start, strict=True)
        ]
        moves += [end[0] - start[0], end[1] - start[1]]
        parts.append("c" + " ".join(number(v) for v in moves).replace(" -", "-"))
    return "".join(parts)


def curve(points: Sequence[Point], *, closed: bool = False, tension: float = 1 / 6) -> str:
    """Join points by one smooth curve (Catmull-Rom, written as Bézier segments)."""
    tail = "Z" if closed else ""
    return f"M{pair(points[0])}{_bends(points, closed=closed, tension=tension)}{tail}"


def outline(*runs: Sequence[Point]) -> str:
    """Join smooth runs at sharp corners into one closed outline; runs share their end points."""
    return (
        f"M{pair(runs[0][0])}"
        + "".join(_bends(r, closed=False, tension=1 / 6) for r in runs)
        + "Z"
    )


def box(x: float, y: float, width: float, height: float, radius: float = 0) -> str:
    """Draw a rectangle with rounded corners."""
    r = min(radius, width / 2, height / 2)
    if not r:
        return f"M{pair((x, y))}h{number(width)}v{number(height)}h{number(-width)}Z"
    arc = f"a{number(r)} {number(r)} 0 0 1"
    return (
        f"M{pair((x + r, y))}h{number(width - 2 * r)}{arc} {pair((r, r))}v{number(height - 2 * r)}"
        f"{arc} {pair((-r, r))}h{number(2 * r - width)}{arc} {pair((-r, -r))}v{number(2 * r - height)}"
        f"{arc} {pair((r, -r))}Z"
    )


def oval(cx: float, cy: float, rx: float, ry: float | None = None) -> str:
    """Draw an ellipse, or a circle if one radius is given."""
    ry = rx if ry is None else ry
    arc = f"a{number(rx)} {number(ry)} 0 1 0"
    return f"M{pair((cx - rx, cy))}{arc} {number(2 * rx)} 0{arc} {number(-2 * rx)} 0Z"


def lathe(cx: float, *runs: Sequence[Point], squash: float = 0.15, socket: bool = False) -> str:
    """Turn a profile of (y, radius) points, top to bottom, into the outline of a round body.

    Each run is smooth; where one ends and the next begins there is a corner. Seen a little from
    above: the rims are ellipses `squash` times as high as they are wide. A `socket` ends at the
    front of its top rim, so that what stands in it is not covered.
    """
    left = [[(cx - r, y) for y, r in run] for run in runs]
    right = [[(cx + r, y) for y, r in reversed(run)] for run in reversed(runs)]
    top, bottom = runs[0][0], runs[-1][-1]
    return (
        f"M{pair(left[0][0])}"
        + "".join(_bends(run, closed=False, tension=1 / 6) for run in left)
        + f"A{number(bottom[1])} {number(bottom[1] * squash)} 0 0 0 {pair((cx + bottom[1], bottom[0]))}"
        + "".join(_bends(run, closed=False, tension=1 / 6) for run in right)
        + f"A{number(top[1])} {number(top[1] * squash)} 0 0 {int(socket)} {pair((cx - top[1], top[0]))}Z"
    )


def hoop(cx: float, y: float, radius: float, *, squash: float = 0.15) -> str:
    """Draw the front half of a ring around a round body: a seam, a band, a ridge."""
    return (
        f"M{pair((cx - radius, y))}"
        f"A{number(radius)} {number(radius * squash)} 0 0 0 {pair((cx + radius, y))}"
    )


def band(cx: float, top: Point, bottom: Point, *, squash: float = 0.15) -> str:
    """Draw a belt around a round body between two (y, radius) levels."""
    (y1, r1), (y2, r2) = top, bottom
    return (
        f"M{pair((cx - r1, y1))}A{number(r1)} {number(r1 * squash)} 0 0 0 {pair((cx + r1, y1))}"
        f"L{pair((cx + r2, y2))}A{number(r2)} {number(r2 * squash)} 0 0 1 {pair((cx - r2, y2))}Z"
    )


def turn(points: Iterable[Point], degrees: float, about: Point) -> list[Point]:
    """Rotate points clockwise about a center."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    ax, ay = about
    return [
        (ax + (x - ax) * c - (y - ay) * s, ay + (x - ax) * s + (y - ay) * c) for x, y in points
    ]


def on_circle(cx: float, cy: float, radius: float, degrees: float) -> Point:
    """Return a point on a circle; 0 degrees is twelve o'clock, clockwise."""
    a = math.radians(degrees - 90)
    return (cx + radius * math.cos(a), cy + radius * math.sin(a))


def mirror(points: Iterable[Point], cx: float) -> list[Point]:
    """Reflect points in a vertical axis, in reverse order, so that an outline can go on with them."""
    return [(2 * cx - x, y) for x, y in reversed(list(points))]
