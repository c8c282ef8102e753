"""Blankets, candles, planters and other things for a room."""

from .color import (
    ASH,
    BRASS,
    GLOW,
    GRAPHITE,
    INK,
    LINEN,
    MOSS,
    OAT,
    RUST,
    SEA,
    SNOW,
    TAN,
    TERRACOTTA,
    dark,
    light,
    mix,
)
from .lamps import FLAME
from .picture import Picture
from .shape import Point, band, box, curve, hoop, lathe, line, number, on_circle, outline, oval


def blanket(p: Picture, *, color: str = SEA, stripe: str = OAT, backdrop: str = "paper") -> None:
    """A wool blanket folded in four on an ash bench, fringe to the side."""
    p.studio(backdrop)
    with p.group(transform="translate(400 880) scale(1.1) translate(-402 -956)"):
        _folded(p, color, stripe)


def _folded(p: Picture, color: str, stripe: str) -> None:
    top = line([(96, 790), (690, 790), (730, 824), (60, 824)], closed=True)
    for x in (120, 650):
        p.path(box(x, 840, 34, 112), p.across(light(ASH, 0.2), ASH, dark(ASH, 0.45)))
        p.ground(x + 20, 952, 36, ry=8)
    p.path(box(60, 822, 670, 30, 5), p.down(light(ASH, 0.2), dark(ASH, 0.25)))
    p.path(top, p.across(light(ASH, 0.35), ASH))
    p.grain(box(60, 790, 670, 62), "wood", dark(ASH, 0.6), 0.3)
    p.ground(410, 806, 270, ry=20, strength=1.1)

    folds = []
    layers = ((772, 812), (712, 776), (650, 716), (586, 656))
    for i, (y1, y2) in enumerate(layers):
        dx = (0, 8, -6, 4)[i]
        fold = outline(
            [
                (176 + dx, y1 + 6),
                (150 + dx, y1 + 16),
                (142 + dx, (y1 + y2) / 2),
                (152 + dx, y2 - 6),
                (180 + dx, y2),
            ],
            [(180 + dx, y2), (300, y2 + 4), (500, y2 + 2), (640 + dx, y2)],
            [(640 + dx, y2), (648 + dx, (y1 + y2) / 2), (642 + dx, y1 + 4)],
            [(642 + dx, y1 + 4), (500, y1 + 6), (300, y1 + 8), (176 + dx, y1 + 6)],
        )
        folds.append(fold)
        p.path(fold, p.slant(light(color, 0.22), color, dark(color, 0.32), ends=(0.1, 0, 0.25, 1)))
        with p.group(clip_path=p.clip(fold)):
            p.path(
                f"M430 {y1 - 10}h46v90h-46ZM496 {y1 - 10}h16v90h-16ZM530 {y1 - 10}h46v90h-46Z",
                stripe,
                opacity=0.92,
            )
            p.soft(box(120, y2 - 20, 600, 34), INK, 0.45, radius=10)
            p.soft(box(120, y1 + 8, 600, 12), GLOW, 0.35, radius=5)
    head = outline(
        [(182, 596), (240, 556), (300, 540)],
        [(300, 540), (420, 534), (600, 536)],
        [(600, 536), (640, 560), (648, 596)],
        [(648, 596), (500, 602), (300, 604), (182, 596)],
    )
    p.path(head, p.slant(light(color, 0.4), light(color, 0.12), ends=(0, 0, 1, 0.4)))
    with p.group(clip_path=p.clip(head)):
        p.path(
            "M430 620L440 520H480L476 620ZM496 620L500 520H514L512 620ZM530 620L532 520H572L576 620Z",
            light(stripe, 0.25),
        )
    p.grain(head + "".join(folds), "wool", dark(color, 0.75), 0.3)
    for odd in (0, 1):
        strands = ""
        for i, (y1, y2) in enumerate(layers):
            for k in range(odd, 6, 2):
                y = y1 + 10 + k * (y2 - y1 - 14) / 5
                strands += f"M{645 + (0, 8, -6, 4)[i]} {number(y)}q14 {(-3, 4, 1)[k % 3]} {22 + 4 * odd} {(6, 2, 9)[k % 3]}"
        p.stroke(strands, light(color, 0.16 * odd), 5)


def candle(
    p: Picture, *, glass: str = "#8a5a2c", lit: bool = True, backdrop: str = "sand"
) -> None:
    """A candle in an amber jar with a blank paper label."""
    p.studio(backdrop)
    cx = 400
    if lit:
        p.path(oval(cx, 420, 400), p.glow((0, FLAME, 0.55), (0.4, FLAME, 0.18), (1, FLAME, 0)))
    p.ground(cx, 838, 160)
    jar = lathe(cx, [(480, 162), (800, 162)], [(800, 162), (838, 146)], squash=0.17)
    p.path(oval(cx, 480, 162, 27), dark(glass, 0.35))
    p.path(oval(cx, 500, 152, 24), p.glow("#fffbe9", "#f6e2b6", "#d9b77f", at=(0.5, 0.4, 0.6)))
    if lit:
        p.stroke("M400 500C398 484 402 476 400 466", "#2a211c", 6)
        p.path(
            curve(
                [(400, 376), (416, 424), (421, 452), (400, 474), (379, 452), (385, 424)],
                closed=True,
            ),
            p.down("#fff1c0", "#ffffff", "#ffcf75", "#eb9138"),
        )
    p.path(
        jar,
        p.across(
            (0, dark(glass, 0.45), 0.97),
            (0.1, glass, 0.9),
            (0.16, "#f3d3a0", 0.9),
            (0.24, glass, 0.88),
            (0.6, light(glass, 0.12), 0.85),
            (0.9, dark(glass, 0.4), 0.95),
            (1, light(glass, 0.2), 0.9),
        ),
        fill_rule="evenodd",
    )
    with p.group(clip_path=p.clip(jar)):
        if lit:
            p.path(oval(cx, 530, 150, 120), p.glow((0, "#ffe0a0", 0.85), (1, "#ffb95c", 0)))
        p.soft(band(cx, (806, 160), (840, 160)), INK, 0.4, radius=9)
        paper = band(cx, (588, 162), (756, 162), squash=0.17)
        p.path(paper, p.across("#b9ad96", "#f4eddd", "#f8f3e6", "#e6dcc8", "#a4977f"))
        p.path(
            band(cx, (600, 162), (744, 162), squash=0.17),
            "none",
            stroke="#2d6e6c",
            stroke_width=3,
            opacity=0.6,
        )
        sprig = [(400, 748), (398, 700), (402, 652)]
        p.stroke(curve(sprig), "#2d6e6c", 4)
        for y, s in ((726, 1), (708, -1), (692, 1), (674, -1), (662, 1)):
            p.path(
                f"M400 {y}q{18 * s} -22 {34 * s} -18q{-10 * s} 20 {-34 * s} 18Z",
                "#2d6e6c",
                opacity=0.85,
            )
    back = f"M{cx - 162} 480A162 27 0 0 1 {cx + 162} 480A162 27 0 0 1 {cx - 162} 480Z"
    p.path(back, "none", stroke=light(glass, 0.6), stroke_width=5, opacity=0.8)
    p.soft(box(276, 520, 16, 270, 8), "#ffffff", 0.6, radius=6)


def tapers(p: Picture, *, wax: str = "#d9a441", backdrop: str = "deep") -> None:
    """Two beeswax tapers in turned brass holders."""
    p.studio(backdrop)
    for cx, y, top in ((490, 800, 300), (310, 850, 200)):
        p.path(oval(cx, top - 30, 260), p.glow((0, FLAME, 0.5), (0.4, FLAME, 0.15), (1, FLAME, 0)))
        p.ground(cx, y, 74)
        p.body(lathe(cx, [(top, 9), (top + 60, 19), (y - 150, 26)], squash=0.25), wax, "satin")
        p.path(oval(cx, top + 16, 20, 60), p.glow((0, "#fff3cd", 0.8), (1, "#ffd98c", 0)))
        p.stroke(f"M{cx} {top}v-18", "#241a14", 5)
        p.path(
            curve(
                [
                    (cx, top - 104),
                    (cx + 14, top - 54),
                    (cx + 17, top - 34),
                    (cx, top - 10),
                    (cx - 17, top - 34),
                    (cx - 13, top - 54),
                ],
                closed=True,
            ),
            p.down("#fff1c0", "#ffffff", "#ffd27c", "#ea8f36"),
        )
        stem = lathe(
            cx,
            [(y - 166, 40), (y - 150, 44)],
            [
                (y - 150, 44),
                (y - 138, 30),
                (y - 100, 26),
                (y - 84, 34),
                (y - 66, 15),
                (y - 40, 18),
                (y - 26, 40),
            ],
            [(y - 26, 40), (y - 14, 74), (y, 76)],
            squash=0.2,
        )
        p.body(stem, BRASS, "metal")
        p.path(oval(cx, y - 166, 40, 8), light(BRASS, 0.4))
        p.path(oval(cx, y - 167, 27, 5), dark(wax, 0.25))
        p.stroke(hoop(cx, y - 16, 73, squash=0.2), light(BRASS, 0.8), 3, opacity=0.7)
        p.stroke(hoop(cx, y - 84, 34, squash=0.2), light(BRASS, 0.8), 2.5, opacity=0.7)


def _leaf(root: Point, tip: Point, width: float) -> tuple[str, str, str]:
    """Return a leaf from root to tip: its outline, its lit half and its midrib."""
    (x0, y0), (x1, y1) = root, tip
    dx, dy = x1 - x0, y1 - y0
    length = (dx * dx + dy * dy) ** 0.5
    nx, ny = -dy / length * width, dx / length * width
    a = (x0 + dx * 0.3 + nx, y0 + dy * 0.3 + ny)
    b = (x0 + dx * 0.7 + nx * 0.8, y0 + dy * 0.7 + ny * 0.8)
    c = (x0 + dx * 0.7 - nx * 0.8, y0 + dy * 0.7 - ny * 0.8)
    d = (x0 + dx * 0.3 - nx, y0 + dy * 0.3 - ny)
    whole, lit = (
        outline([root, a, b, tip], [tip, c, d, root]),
        outline([root, a, b, tip], [tip, root]),
    )
    return whole, lit, line([root, (x0 + dx * 0.92, y0 + dy * 0.92)])


def _foliage(p: Picture, color: str, *leaves: tuple[Point, Point, float]) -> None:
    """Draw leaves of one color."""
    wholes, halves, ribs = zip(*(_leaf(*leaf) for leaf in leaves), strict=True)
    p.path("".join(wholes), color)
    p.path("".join(halves), light(color, 0.2), opacity=0.7)
    p.stroke("".join(ribs), dark(color, 0.3), 2.5, opacity=0.7)


def planter(p: Picture, *, pot: str = TERRACOTTA, backdrop: str = "mist") -> None:
    """A rolled-rim pot on a saucer with a rubber plant."""
    p.studio(backdrop)
    cx = 400
    p.ground(cx, 852, 150)
    root, bark = (cx, 640), dark(MOSS, 0.3)
    for x, y in ((340, 300), (480, 330), (410, 220)):
        p.stroke(curve([root, ((cx + x) / 2 + 8, (640 + y) / 2), (x, y)]), bark, 9)
    green = mix(MOSS, SEA, 0.35)
    leaves = (
        ((392, 520), (220, 470), 44, 0.25), ((410, 520), (600, 480), 44, 0.3), ((370, 420), (196, 330), 44, 0.1),
        ((456, 420), (620, 330), 46, 0.2), ((400, 590), (262, 600), 34, 0.35), ((408, 590), (548, 600), 34, 0.4),
        ((346, 330), (250, 180), 42, 0), ((474, 340), (566, 190), 42, 0.1), ((408, 300), (330, 140), 36, 0.05),
        ((410, 280), (470, 110), 40, 0), ((398, 470), (392, 330), 38, 0.15),
    )  # fmt: skip
    for base, tip, width, shade in leaves:
        _foliage(p, dark(green, shade), (base, tip, width))
    body = lathe(cx, [(690, 150), (834, 112)], squash=0.17)
    p.body(lathe(cx, [(822, 150), (836, 154)], [(836, 154), (852, 138)], squash=0.17), pot)
    p.body(body, pot)
    p.grain(body, "cast", dark(pot, 0.6), 0.25)
    with p.group(clip_path=p.clip(body)):
        p.soft(band(cx, (690, 160), (716, 160), squash=0.17), INK, 0.5, radius=9)
    rim = lathe(cx, [(640, 168), (700, 164)], squash=0.17, socket=True)
    p.path(oval(cx, 640, 168, 28), dark(pot, 0.3))
    p.path(oval(cx, 642, 154, 23), "#3d2b20")
    p.stroke(f"M{cx} 646V560", bark, 12)
    p.body(rim, pot)
    p.grain(rim, "cast", dark(pot, 0.6), 0.25)
    p.stroke(hoop(cx, 642, 166, squash=0.17), light(pot, 0.5), 4, opacity=0.7)


def vase(p: Picture, *, glaze: str = "#e9e1d0", backdrop: str = "clay") -> None:
    """A bottle vase with two stems of eucalyptus."""
    p.studio(backdrop)
    cx = 390
    p.ground(cx, 846, 120)
    green = mix(SEA, "#a9bba6", 0.55)
    for stem in (
        [(388, 470), (380, 340), (330, 210), (270, 110)],
        [(396, 470), (416, 350), (480, 240), (560, 170)],
    ):
        p.stroke(curve(stem), "#7a6148", 7)
        pairs: tuple[list[tuple[Point, Point, float]], ...] = ([], [])
        for i in range(7):
            t = 0.22 + i * 0.125
            k = min(int(t * 3), 2)
            f = t * 3 - k
            x = stem[k][0] + (stem[k + 1][0] - stem[k][0]) * f
            y = stem[k][1] + (stem[k + 1][1] - stem[k][1]) * f
            size = 44 - i * 3.4
            for side, leaves in zip((-1, 1), pairs, strict=True):
                leaves.append(((x, y), (x + side * size * 1.35, y - size * 0.55), size * 0.5))
        _foliage(p, green, *pairs[0])
        _foliage(p, dark(green, 0.12), *pairs[1])
    body = lathe(
        cx,
        [(440, 44), (456, 38), (540, 36), (600, 74), (690, 124), (770, 126), (830, 92)],
        [(830, 92), (848, 88)],
        squash=0.16,
    )
    p.body(body, glaze)
    with p.group(clip_path=p.clip(body)):
        p.grain(body, "speckle", "#7d6a4d", 0.6)
        for y in (600, 640, 690, 740, 790):
            p.crease(hoop(cx, y, 130), INK, 6, 0.09, radius=4)
        p.soft(oval(cx, 860, 120, 34), INK, 0.35, radius=14)
        p.soft(oval(330, 690, 14, 60), "#ffffff", 0.6, radius=10)
    p.path(oval(cx, 440, 44, 8), dark(glaze, 0.1))
    p.path(oval(cx, 441, 37, 6), dark(glaze, 0.65))
    p.stroke("M388 444L386 420M396 444L400 420", "#7a6148", 7)


def cushion(p: Picture, *, color: str = RUST, backdrop: str = "sage") -> None:
    """A square linen cushion with piped edges."""
    p.studio(backdrop)
    p.ground(405, 806, 270, ry=30)
    corners = outline(
        [(136, 318), (156, 306), (270, 318), (400, 320), (530, 318), (644, 304), (666, 316)],
        [(666, 316), (676, 340), (664, 450), (660, 570), (666, 690), (680, 790), (670, 812)],
        [(670, 812), (648, 820), (530, 808), (400, 808), (270, 810), (152, 822), (130, 812)],
        [(130, 812), (120, 790), (136, 690), (142, 570), (136, 450), (126, 340), (136, 318)],
    )
    p.path(
        corners,
        p.glow(
            light(color, 0.2), light(color, 0.08), color, dark(color, 0.34), at=(0.4, 0.36, 0.76)
        ),
    )
    p.grain(corners, "linen", dark(color, 0.75), 0.42)
    p.grain(corners, "linen-down", light(color, 0.75), 0.28)
    with p.group(clip_path=p.clip(corners)):
        for d, w, o in (
            ([(140, 316), (220, 400), (270, 470)], 26, 0.26), ([(660, 316), (590, 400), (546, 450)], 26, 0.3),
            ([(136, 812), (230, 730), (300, 690)], 28, 0.32), ([(664, 812), (574, 730), (520, 690)], 28, 0.36),
            ([(330, 320), (352, 410), (340, 480)], 20, 0.16), ([(470, 320), (452, 400)], 18, 0.18), ([(660, 520), (590, 560), (550, 550)], 20, 0.2),
        ):  # fmt: skip
            p.crease(curve(d), INK, w, o, radius=13)
        p.crease(
            curve([(120, 800), (270, 796), (400, 792), (530, 796), (690, 800)]),
            INK,
            40,
            0.4,
            radius=16,
        )
    p.stroke(corners, dark(color, 0.35), 9)
    p.stroke(corners, light(color, 0.22), 4, opacity=0.8)


def wall_clock(p: Picture, *, wood: str = ASH, face: str = SNOW, backdrop: str = "sea") -> None:
    """A wall clock: wooden ring, paper-white face, marks instead of figures."""
    p.wall(backdrop)
    cx, cy, r = 400, 480, 270
    p.drop(oval(cx, cy, r), dx=34, dy=44, soft=24, strength=0.36)
    p.path(oval(cx, cy, r), p.slant(light(wood, 0.5), wood, dark(wood, 0.4)))
    p.grain(oval(cx, cy, r), "wood", dark(wood, 0.7), 0.4)
    p.path(oval(cx, cy, r - 34), dark(wood, 0.55))
    p.path(oval(cx + 2, cy + 3, r - 38), p.slant(dark(face, 0.06), face, light(face, 0.6)))
    with p.group(clip_path=p.clip(oval(cx, cy, r - 36))):
        p.stroke(oval(cx - 8, cy - 12, r - 26), INK, 22, opacity=0.3, filter=p.blur(9))
    for every, inner, width in ((1, 210, 2), (5, 196, 5), (15, 186, 8)):
        marks = (
            line([on_circle(cx, cy, 218, k * 6), on_circle(cx, cy, inner, k * 6)])
            for k in range(0, 60, every)
        )
        p.stroke("".join(marks), GRAPHITE, width, stroke_linecap="butt")
    for degrees, length, width in ((304, 118, 13), (60, 182, 9)):
        tail, tip = on_circle(cx, cy, 34, degrees + 180), on_circle(cx, cy, length, degrees)
        p.stroke(
            line([tail, tip]),
            INK,
            width,
            opacity=0.3,
            transform="translate(7 10)",
            filter=p.blur(4),
        )
        p.stroke(line([tail, tip]), GRAPHITE, width)
    p.stroke(line([on_circle(cx, cy, 46, 25), on_circle(cx, cy, 196, 205)]), TERRACOTTA, 4)
    p.path(oval(cx, cy, 13), TERRACOTTA)
    p.path(oval(cx, cy, 5), GRAPHITE)


def mirror(p: Picture, *, strap: str = TAN, backdrop: str = "clay") -> None:
    """A round mirror in a thin brass frame, hung by a leather strap."""
    p.wall(backdrop)
    cx, cy, r = 400, 560, 240
    p.drop(oval(cx, cy, r), dx=30, dy=40, soft=22, strength=0.34)
    for x in (232, 568):
        p.drop(
            line([(cx - 8, 200), (cx + 8, 200), (x + 10, 420), (x - 10, 420)], closed=True),
            dx=14,
            dy=18,
            soft=8,
            strength=0.2,
        )
    for x in (222, 578):
        side = -1 if x < cx else 1
        d = line(
            [(cx, 190), (cx + side * 26, 190), (x + side * 2, 412), (x - side * 28, 424)],
            closed=True,
        )
        p.path(d, p.across(light(strap, 0.25), strap, dark(strap, 0.25)))
        p.grain(d, "leather", dark(strap, 0.6), 0.3)
        p.stitch(line([(cx + side * 17, 200), (x - side * 6, 404)]), light(strap, 0.6), 2.5)
    p.path(oval(cx, cy, r), p.slant(light(BRASS, 0.7), BRASS, dark(BRASS, 0.5), light(BRASS, 0.3)))
    p.path(oval(cx, cy, r - 12), dark(BRASS, 0.55))
    glass = oval(cx, cy, r - 16)
    p.path(glass, p.slant("#f4f4ee", "#cfd9d6", "#aebfbc", "#dbe3df"))
    with p.group(clip_path=p.clip(glass)):
        p.path(
            line([(180, 620), (420, 300), (500, 300), (240, 680)], closed=True),
            "#ffffff",
            opacity=0.4,
        )
        p.path(
            line([(290, 740), (600, 330), (624, 330), (320, 760)], closed=True),
            "#ffffff",
            opacity=0.3,
        )
        p.soft(box(160, 690, 480, 160), "#8ba39f", 0.5, radius=26)
    p.path(oval(cx, 186, 28), dark(BRASS, 0.5))
    p.path(
        oval(cx - 1, 184, 24),
        p.glow(light(BRASS, 0.85), BRASS, dark(BRASS, 0.4), at=(0.36, 0.3, 0.8)),
    )


def blanket_detail(p: Picture, *, color: str = SEA, stripe: str = OAT) -> None:
    """The weave and the fringe, close."""
    p.wall("sand")
    edge = [(0, 640), (160, 652), (330, 634), (500, 656), (660, 640), (800, 652)]
    cloth = f"M0 0H800V652{curve(list(reversed(edge))).replace('M800 652', '')}Z"
    for turn in range(3):
        strands = ""
        for k in range(turn, 40, 3):
            x, end = 10 + k * 20.4, 812 + (0, 22, -14, 10, -4)[k % 5]
            strands += f"M{number(x)} 630Q{number(x + 12 - 6 * turn)} 730 {number(x + (-5, 7, 1)[turn])} {end}"
        p.stroke(strands, INK, 13, opacity=0.16, transform="translate(9 10)")
        p.stroke(strands, dark(color, 0.14 + 0.08 * turn), 13)
        p.stroke(strands, light(color, 0.25), 4, stroke_dasharray="5 8", opacity=0.7)
    p.drop(cloth, dx=2, dy=12, soft=9, strength=0.4)
    p.path(cloth, p.slant(light(color, 0.25), color, dark(color, 0.18)))
    with p.group(clip_path=p.clip(cloth)):
        for y, h in ((150, 96), (272, 26), (330, 96)):
            p.path(
                curve([(-10, y), (200, y + 12), (420, y - 6), (620, y + 10), (820, y)]),
                stroke=stripe,
                stroke_width=h,
            )
        p.grain(cloth, "wool", dark(color, 0.8), 0.34)
        for a, w, o in (
            ((120, 160, 90), 60, 0.18),
            ((420, 380, 450), 70, 0.22),
            ((690, 720, 660), 60, 0.2),
        ):
            p.crease(curve([(a[0], -10), (a[1], 320), (a[2], 680)]), INK, w, o, radius=26)
        for a in ((240, 280, 230), (560, 540, 590)):
            p.crease(curve([(a[0], -10), (a[1], 320), (a[2], 680)]), GLOW, 50, 0.3, radius=26)
    p.crease(curve(edge), GLOW, 7, 0.5, radius=3)


def basket(
    p: Picture, *, fiber: str = "#c9a56b", handle: str = TAN, backdrop: str = "paper"
) -> None:
    """A coiled seagrass basket with leather handles and a throw inside."""
    p.studio(backdrop)
    cx = 400
    p.ground(cx, 846, 190)
    p.path(oval(cx, 470, 214, 42), dark(fiber, 0.65))
    throw = curve(
        [
            (238, 486),
            (250, 420),
            (320, 372),
            (400, 396),
            (470, 360),
            (556, 410),
            (572, 486),
            (480, 520),
            (330, 520),
        ],
        closed=True,
    )
    p.path(throw, p.slant(light(LINEN, 0.5), LINEN, dark(LINEN, 0.3)))
    p.grain(throw, "wool", dark(LINEN, 0.7), 0.3)
    with p.group(clip_path=p.clip(throw)):
        p.crease(curve([(320, 360), (360, 440), (350, 510)]), INK, 20, 0.35, radius=9)
        p.crease(curve([(480, 350), (440, 430), (460, 510)]), INK, 20, 0.35, radius=9)
        p.soft(band(cx, (462, 220), (500, 220), squash=0.19), INK, 0.4, radius=12)
    wall = lathe(
        cx,
        [(470, 214), (600, 226), (720, 214), (800, 182)],
        [(800, 182), (848, 170)],
        squash=0.19,
        socket=True,
    )
    p.body(wall, fiber)
    with p.group(clip_path=p.clip(wall)):
        for k in range(13):
            y = 486 + k * 28
            p.stroke(hoop(cx, y, 232, squash=0.19), dark(fiber, 0.6), 4, opacity=0.5)
            p.stroke(
                hoop(cx, y + 12, 232, squash=0.19),
                light(fiber, 0.6),
                9,
                opacity=0.4,
                stroke_dasharray=f"10 {6 + k % 3}",
            )
        p.soft(band(cx, (800, 200), (850, 200)), INK, 0.4, radius=14)
    for x in (214, 586):
        side = -1 if x < cx else 1
        loop = curve(
            [(x - side * 4, 600), (x + side * 30, 560), (x + side * 30, 500), (x - side * 6, 470)]
        )
        p.stroke(loop, dark(handle, 0.45), 24)
        p.stroke(loop, handle, 17)
        p.stroke(loop, light(handle, 0.6), 3, opacity=0.6)
