"""Lamps and lanterns."""

from .color import BRASS, GRAPHITE, INK, OAK, SEA, dark, light
from .picture import Picture
from .shape import band, curve, hoop, lathe, line, outline, oval

FLAME = "#ffdf9e"


def _halo(p: Picture, cx: float, cy: float, radius: float, strength: float = 0.7) -> None:
    """Light the air around a lamp that is on."""
    p.path(
        oval(cx, cy, radius),
        p.glow((0, FLAME, strength), (0.4, FLAME, strength * 0.4), (1, FLAME, 0)),
    )


def trail_lamp(
    p: Picture,
    *,
    color: str = BRASS,
    finish: str = "metal",
    on: bool = False,
    backdrop: str = "sand",
) -> None:
    """A rechargeable lantern: metal base and cap, ribbed frosted glass, leather loop."""
    p.studio(backdrop)
    with p.group(transform="translate(400 860) scale(1.2) translate(-400 -840)"):
        _trail_lamp(p, color, finish, on=on)


def _trail_lamp(p: Picture, color: str, finish: str, *, on: bool) -> None:
    cx = 400
    if on:
        _halo(p, cx, 560, 420, 0.6)
    p.ground(cx, 826, 150, strength=0.9)
    if on:
        p.path(oval(cx, 850, 330, 60), p.glow((0, FLAME, 0.6), (1, FLAME, 0)))

    p.stroke(
        curve([(362, 372), (338, 290), (372, 206), (428, 206), (462, 290), (438, 372)]),
        dark(OAK, 0.5),
        20,
    )
    p.stroke(
        curve([(360, 370), (336, 290), (370, 206), (426, 205), (459, 288), (435, 370)]),
        dark(OAK, 0.15),
        12,
    )

    glass = lathe(cx, [(492, 96), (540, 124), (620, 132), (700, 122)], squash=0.16)
    warm = (
        (FLAME, "#ffedc4", "#fff9ea", "#ffedc4", "#f2c877")
        if on
        else ("#b9b5a5", "#f3efe2", "#fbf8ee", "#e3ddcb", "#a9a494")
    )
    p.path(glass, p.across(*warm))
    with p.group(clip_path=p.clip(glass)):
        for i in range(-5, 6):
            x = cx + 128 * (i / 5.6) * (1 - 0.03 * abs(i))
            p.stroke(
                curve([(cx + (x - cx) * 0.76, 480), (x, 610), (cx + (x - cx) * 0.93, 716)]),
                "#8a7d5e",
                5,
                opacity=0.22,
            )
            p.stroke(
                curve(
                    [
                        (cx + (x - cx) * 0.76 + 5, 480),
                        (x + 6, 610),
                        (cx + (x - cx) * 0.93 + 5, 716),
                    ]
                ),
                "#ffffff",
                4,
                opacity=0.5,
            )
        if on:
            p.path(oval(cx, 610, 80, 110), p.glow((0, "#ffffff", 0.95), (1, "#ffffff", 0)))
        else:
            p.soft(oval(cx, 640, 26, 70), "#9a8f74", 0.35, radius=14)
        p.soft(band(cx, (690, 140), (720, 140)), INK, 0.35, radius=10)
        p.soft(band(cx, (480, 140), (505, 140)), INK, 0.3, radius=8)
    p.soft(oval(345, 590, 9, 70), "#ffffff", 0.7, radius=5)

    base = lathe(
        cx,
        [(698, 132), (712, 140)],
        [(712, 140), (806, 140)],
        [(806, 140), (826, 132)],
        squash=0.16,
        socket=True,
    )
    p.body(base, color, finish)
    p.stroke(hoop(cx, 722, 140, squash=0.16), dark(color, 0.55), 3, opacity=0.6)
    p.stroke(hoop(cx, 726, 140, squash=0.16), light(color, 0.6), 3, opacity=0.6)
    p.stroke(hoop(cx, 800, 140, squash=0.16), dark(color, 0.55), 3, opacity=0.5)
    p.path(oval(cx, 786, 22, 21), dark(color, 0.5))
    p.path(oval(cx - 1, 784, 18, 17), p.slant(light(color, 0.5), dark(color, 0.25)))

    cap = lathe(
        cx,
        [(372, 42), (388, 46)],
        [(388, 46), (420, 62), (462, 104)],
        [(462, 104), (500, 108)],
        squash=0.16,
    )
    p.body(cap, color, finish)
    p.stroke(hoop(cx, 466, 105, squash=0.16), dark(color, 0.5), 3, opacity=0.55)
    p.stroke(hoop(cx, 470, 105, squash=0.16), light(color, 0.7), 3, opacity=0.55)
    p.path(oval(cx, 372, 42, 7), light(color, 0.3))
    for x in (362, 438):
        p.path(oval(x, 380, 9), dark(color, 0.35))
        p.path(oval(x - 2, 378, 5), light(color, 0.5))


def table_lamp(p: Picture, *, glaze: str = SEA, backdrop: str = "paper") -> None:
    """A glazed ceramic base under a linen shade."""
    p.studio(backdrop)
    cx = 390
    _halo(p, cx, 430, 430, 0.55)
    p.ground(cx, 836, 120)
    p.path(oval(cx, 845, 300, 50), p.glow((0, FLAME, 0.45), (1, FLAME, 0)))

    p.body(lathe(cx, [(430, 12), (560, 12)]), BRASS, "metal")
    p.body(lathe(cx, [(546, 30), (560, 34)]), BRASS, "metal")
    foot = lathe(
        cx,
        [(556, 34), (574, 46), (620, 104), (690, 142), (760, 128), (812, 88)],
        [(812, 88), (838, 94)],
    )
    p.body(foot, glaze, "gloss")
    with p.group(clip_path=p.clip(foot)):
        p.grain(foot, "speckle", dark(glaze, 0.5), 0.3)
        p.soft(oval(cx, 560, 160, 34), INK, 0.4, radius=16)
        p.soft(oval(330, 650, 16, 48), "#ffffff", 0.75, radius=8)
        p.soft(band(cx, (812, 120), (850, 120)), INK, 0.35, radius=9)

    shade = lathe(cx, [(196, 128), (480, 228)], squash=0.12)
    lit = p.down((0, "#e9d7b2"), (0.5, "#fdf0cf"), (0.8, "#fff6dd"), (1, "#f3ddb0"))
    p.path(lathe(cx, [(196, 128), (480, 228)], squash=0.12), lit)
    with p.group(clip_path=p.clip(shade)):
        p.path(
            shade,
            p.across(
                (0, "#8d6f3f", 0.42),
                (0.25, "#8d6f3f", 0.04),
                (0.6, "#8d6f3f", 0.02),
                (1, "#8d6f3f", 0.5),
            ),
        )
        p.grain(shade, "canvas", "#8d6f3f", 0.3)
        p.path(oval(cx, 430, 170, 120), p.glow((0, "#ffffff", 0.8), (1, "#ffffff", 0)))
    p.path(oval(cx, 196, 128, 15), "#d8bf8d")
    p.path(oval(cx, 198, 118, 11), p.down("#fff3d3", "#e8cf9c"))
    p.stroke(hoop(cx, 474, 226, squash=0.12), "#c9ab74", 5, opacity=0.7)


def desk_lamp(p: Picture, *, color: str = GRAPHITE, backdrop: str = "mist") -> None:
    """A jointed desk lamp with a spun cone and brass joints."""
    p.studio(backdrop)
    p.ground(330, 836, 150)
    p.path(oval(540, 850, 250, 46), p.glow((0, FLAME, 0.75), (1, FLAME, 0)))
    p.path(
        line([(478, 430), (650, 500), (760, 850), (330, 850)], closed=True),
        p.down((0, FLAME, 0.55), (0.9, FLAME, 0.02)),
        filter=p.blur(14),
    )

    base = lathe(330, [(808, 142), (826, 146)], [(826, 146), (838, 140)], squash=0.2)
    p.body(base, color, "satin")
    p.path(oval(330, 808, 142, 28), p.slant(light(color, 0.35), color, dark(color, 0.3)))
    p.body(lathe(330, [(770, 18), (806, 24)], squash=0.25), BRASS, "metal")

    def arm(a: tuple[float, float], b: tuple[float, float]) -> None:
        p.stroke(line([a, b]), dark(color, 0.35), 20)
        p.stroke(line([(a[0] - 3, a[1]), (b[0] - 3, b[1] - 1)]), light(color, 0.1), 10)
        p.stroke(line([(a[0] - 5, a[1]), (b[0] - 5, b[1] - 2)]), light(color, 0.5), 3, opacity=0.8)

    arm((330, 776), (214, 480))
    arm((214, 480), (470, 300))
    for x, y, r in ((214, 480, 26), (470, 300, 24), (330, 774, 20)):
        p.path(oval(x + 3, y + 4, r), dark(color, 0.5))
        p.path(oval(x, y, r), p.slant(light(BRASS, 0.6), BRASS, dark(BRASS, 0.45)))
        p.path(oval(x, y, r * 0.4), dark(BRASS, 0.4))

    with p.group(transform="rotate(-26 500 320)"):
        p.body(lathe(500, [(262, 34), (270, 42), (330, 46)], squash=0.2), color, "satin")
        inner = oval(500, 470, 146, 36)
        cone = lathe(500, [(318, 46), (360, 72), (420, 128), (470, 146)], squash=0.24)
        p.body(cone, color, "satin")
        p.path(inner, dark(color, 0.4))
        p.path(
            oval(500, 472, 138, 31), p.glow("#fffdf2", "#ffefc0", "#efc878", at=(0.5, 0.4, 0.6))
        )
        p.path(oval(500, 464, 44, 14), "#ffffff", opacity=0.9)


def pendant(
    p: Picture, *, color: str = SEA, inside: str = "#f4dfae", backdrop: str = "paper"
) -> None:
    """An enameled dome on a cloth cord, seen slightly from below."""
    p.wall(backdrop)
    with p.group(transform="translate(0 50)"):
        _pendant(p, color, inside)


def _pendant(p: Picture, color: str, inside: str) -> None:
    cx = 400
    _halo(p, cx, 640, 430, 0.6)
    p.stroke("M400 -60V300", dark(color, 0.6), 7)
    p.stroke("M398.5 -60V300", light(color, 0.3), 2, opacity=0.6)
    p.body(lathe(cx, [(276, 26), (296, 34), (350, 36)], squash=0.2), BRASS, "metal")
    dome = outline(
        [(336, 348), (360, 336), (400, 332), (440, 336), (464, 348)],
        [(464, 348), (560, 398), (634, 486), (664, 606)],
        [(664, 606), (600, 634), (400, 648), (200, 634), (136, 606)],
        [(136, 606), (166, 486), (240, 398), (336, 348)],
    )
    p.body(dome, color, "gloss")
    with p.group(clip_path=p.clip(dome)):
        p.soft(
            curve(
                [
                    (206, 566),
                    (232, 490),
                    (284, 424),
                    (322, 400),
                    (296, 446),
                    (256, 500),
                    (232, 566),
                ],
                closed=True,
            ),
            "#ffffff",
            0.55,
            radius=8,
        )
        p.soft(oval(600, 640, 160, 160), INK, 0.3, radius=40)
    p.path(oval(cx, 606, 264, 42), dark(color, 0.45))
    p.path(
        oval(cx, 608, 254, 36), p.glow("#fffdf3", inside, dark(inside, 0.22), at=(0.5, 0.3, 0.6))
    )
    p.path(oval(cx, 604, 66, 24), p.glow((0, "#ffffff"), (0.7, "#fff8df"), (1, "#ffe9b2", 0.2)))
    p.stroke(
        curve([(136, 606), (200, 634), (400, 649), (600, 634), (664, 606)]), light(color, 0.5), 4
    )


def storm_lantern(p: Picture, *, color: str = "#a8402f", backdrop: str = "night") -> None:
    """A hurricane lantern: tank, side tubes, glass chimney, wire bail."""
    p.studio(backdrop)
    cx = 400
    _halo(p, cx, 560, 470, 0.6)
    p.ground(cx, 842, 150)
    p.path(oval(cx, 860, 330, 54), p.glow((0, FLAME, 0.5), (1, FLAME, 0)))
    wire = dark("#b4b9ba", 0.35)
    p.stroke(
        curve(
            [(262, 520), (228, 330), (300, 180), (400, 144), (500, 180), (572, 330), (538, 520)]
        ),
        wire,
        9,
    )
    p.stroke(curve([(260, 520), (226, 330), (299, 178), (400, 141)]), "#e8e4d8", 3, opacity=0.8)
    # the far halves of the tubes are behind the glass
    for side in (-1, 1):
        tube = [
            (cx + side * 70, 318),
            (cx + side * 128, 336),
            (cx + side * 146, 420),
            (cx + side * 146, 640),
            (cx + side * 116, 742),
        ]
        p.stroke(curve(tube), dark(color, 0.55), 30)
        p.stroke(curve([(x - 3, y) for x, y in tube]), color, 20)
        p.stroke(curve([(x - 7, y) for x, y in tube]), light(color, 0.5), 5, opacity=0.8)
    glass = lathe(cx, [(404, 62), (450, 88), (540, 112), (610, 96), (668, 66)], squash=0.16)
    p.path(
        glass,
        p.across(
            (0, "#fff1cf", 0.7),
            (0.2, "#ffe7b0", 0.22),
            (0.5, "#ffd98c", 0.35),
            (0.85, "#ffe7b0", 0.2),
            (1, "#fff1cf", 0.65),
        ),
    )
    p.path(oval(cx, 580, 92, 110), p.glow((0, "#fff6d8", 0.95), (0.4, FLAME, 0.5), (1, FLAME, 0)))
    flame = curve(
        [(400, 512), (418, 566), (424, 606), (400, 634), (376, 606), (382, 568)], closed=True
    )
    p.path(flame, p.down("#fff3c4", "#ffffff", "#ffc45e", "#e8842c"))
    p.body(lathe(cx, [(630, 16), (664, 20)]), BRASS, "metal")
    p.stroke(curve([(330, 470), (308, 540), (330, 610)]), "#ffffff", 7, opacity=0.75)
    for y, r in ((470, 97), (610, 99)):
        p.stroke(hoop(cx, y, r, squash=0.2), wire, 5)

    hood = lathe(
        cx,
        [(300, 44), (330, 60)],
        [(330, 60), (348, 92)],
        [(348, 92), (362, 94)],
        [(362, 94), (408, 66)],
        squash=0.2,
    )
    p.body(hood, color, "satin")
    p.body(lathe(cx, [(240, 36), (262, 56)], [(262, 56), (302, 58)], squash=0.2), color, "satin")
    for x in (368, 392, 416, 440):
        p.path(oval(x - 4, 288, 6, 8), dark(color, 0.65))
    p.path(oval(cx, 240, 36, 8), light(color, 0.35))
    tank = lathe(
        cx,
        [(664, 74), (690, 84)],
        [(690, 84), (736, 136), (764, 146)],
        [(764, 146), (832, 146)],
        [(832, 146), (844, 138)],
        squash=0.17,
        socket=True,
    )
    p.body(tank, color, "satin")
    p.stroke(hoop(cx, 768, 146, squash=0.17), dark(color, 0.6), 3, opacity=0.7)
    p.stroke(hoop(cx, 772, 146, squash=0.17), light(color, 0.6), 3, opacity=0.7)
    p.stroke(hoop(cx, 690, 84, squash=0.17), light(color, 0.5), 4, opacity=0.7)
    p.path(oval(480, 742, 24, 14), p.across(light(BRASS, 0.7), BRASS, dark(BRASS, 0.5)))
