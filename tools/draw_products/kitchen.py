"""Mugs, kettles, pans, knives and boards."""

from .color import (
    BRASS,
    COPPER,
    GRAPHITE,
    INK,
    OAK,
    OAT,
    SNOW,
    STEEL,
    WALNUT,
    dark,
    light,
    mix,
)
from .picture import Picture
from .shape import band, box, curve, hoop, lathe, line, outline, oval

COFFEE = "#3b2416"
CORD = "#70472a"


def _steam(p: Picture, cx: float, y: float) -> None:
    for dx, h in ((-34, 150), (6, 200), (44, 140)):
        d = curve(
            [
                (cx + dx, y),
                (cx + dx - 18, y - h * 0.3),
                (cx + dx + 14, y - h * 0.62),
                (cx + dx - 6, y - h),
            ]
        )
        p.crease(d, "#ffffff", 16, 0.5, radius=9)


def mug(p: Picture, *, glaze: str = OAT, backdrop: str = "paper") -> None:
    """A thrown stoneware mug, raw clay at the foot, full of coffee."""
    p.studio(backdrop)
    cx, clay = 375, "#b08a66"
    p.ground(cx, 818, 165)
    ear = [(520, 520), (640, 500), (676, 600), (620, 712), (506, 730)]
    p.stroke(curve(ear), dark(glaze, 0.42), 50)
    p.stroke(curve([(x - 3, y - 4) for x, y in ear]), dark(glaze, 0.12), 38)
    p.crease(curve([(x - 4, y - 12) for x, y in ear[:4]]), light(glaze, 0.7), 9, 0.8, radius=3)
    wall = lathe(
        cx, [(436, 168), (560, 172), (700, 170), (780, 154)], [(780, 154), (826, 130)], squash=0.2
    )
    p.body(wall, clay)
    p.grain(wall, "speckle", "#5b3c22", 0.35)
    skin = lathe(cx, [(436, 168), (560, 172), (700, 170), (742, 165)], squash=0.2)
    p.body(skin, glaze, "satin")
    with p.group(clip_path=p.clip(skin)):
        p.grain(skin, "speckle", dark(glaze, 0.6), 0.55)
        for y in (500, 552, 610, 664):
            p.crease(hoop(cx, y, 172, squash=0.2), INK, 5, 0.1, radius=3)
        p.soft(oval(278, 600, 15, 96), "#ffffff", 0.5, radius=11)
    p.stroke(hoop(cx, 742, 165, squash=0.2), light(glaze, 0.5), 4, opacity=0.6)
    p.path(
        oval(cx, 436, 168, 34), p.across(light(glaze, 0.45), light(glaze, 0.1), dark(glaze, 0.12))
    )
    p.path(oval(cx, 438, 156, 29), dark(glaze, 0.38))
    with p.group(clip_path=p.clip(oval(cx, 438, 156, 29))):
        p.path(
            oval(cx, 454, 152, 30),
            p.slant(mix(COFFEE, "#a8744a", 0.55), COFFEE, dark(COFFEE, 0.3)),
        )
        p.soft(oval(300, 450, 50, 7), "#e2b98c", 0.7, radius=5)
    _steam(p, cx, 420)


def kettle(
    p: Picture, *, color: str = STEEL, finish: str = "metal", backdrop: str = "sage"
) -> None:
    """A gooseneck kettle with an oak handle."""
    p.studio(backdrop)
    cx = 360
    p.ground(cx, 826, 180)
    neck = [(480, 760), (590, 740), (600, 620), (610, 500), (670, 420), (730, 432)]
    p.stroke(curve(neck), dark(color, 0.55), 36)
    p.stroke(curve([(x - 2, y - 2) for x, y in neck]), color, 26)
    p.crease(curve([(x - 6, y - 6) for x, y in neck]), light(color, 0.85), 7, 0.95, radius=2)
    p.path(oval(731, 433, 9, 17), dark(color, 0.6), transform="rotate(14 731 433)")
    # handle, behind the body
    grip = [(232, 520), (120, 470), (96, 560), (120, 700)]
    p.stroke(curve([(260, 520), (190, 476), (130, 486)]), dark(color, 0.5), 26)
    p.stroke(curve([(258, 514), (190, 470), (132, 480)]), light(color, 0.4), 8)
    p.stroke(curve(grip[1:]), dark(OAK, 0.5), 44)
    p.stroke(curve([(x - 3, y) for x, y in grip[1:]]), OAK, 34)
    p.crease(curve([(x - 10, y) for x, y in grip[1:]]), light(OAK, 0.6), 8, 0.8, radius=4)
    body = lathe(
        cx,
        [(462, 108), (500, 122), (620, 166), (780, 196)],
        [(780, 196), (812, 198), (830, 186)],
        squash=0.16,
    )
    p.body(body, color, finish)
    p.stroke(hoop(cx, 786, 197, squash=0.16), dark(color, 0.5), 3, opacity=0.6)
    p.stroke(hoop(cx, 790, 197, squash=0.16), light(color, 0.7), 3, opacity=0.7)
    with p.group(clip_path=p.clip(body)):
        p.soft(oval(cx, 840, 200, 34), INK, 0.35, radius=14)
        p.soft(oval(500, 730, 40, 44), INK, 0.35, radius=14)
    p.body(lathe(cx, [(444, 112), (462, 114)], squash=0.16), color, finish)
    p.path(oval(cx, 446, 112, 18), p.slant(light(color, 0.5), dark(color, 0.2)))
    p.body(lathe(cx, [(412, 30), (446, 98)], squash=0.16), color, finish)
    p.body(lathe(cx, [(392, 10), (414, 14)], squash=0.16), color, finish)
    p.path(
        oval(cx, 376, 32, 28), p.glow(light(OAK, 0.5), OAK, dark(OAK, 0.4), at=(0.36, 0.3, 0.8))
    )


def enamel_mug(p: Picture, *, color: str = "#2f5d73", backdrop: str = "clay") -> None:
    """A steel camp mug, enameled, with a dark rolled rim."""
    p.studio(backdrop)
    cx, rim = 375, "#20272b"
    p.ground(cx, 814, 170)
    ear = [(540, 520), (650, 500), (672, 590), (630, 690), (530, 716)]
    p.stroke(curve(ear), dark(color, 0.5), 32)
    p.stroke(curve([(x - 2, y - 3) for x, y in ear]), color, 22)
    p.crease(curve([(x - 4, y - 7) for x, y in ear]), light(color, 0.8), 5, 0.9, radius=2)
    wall = lathe(cx, [(468, 178), (790, 166)], [(790, 166), (822, 154)], squash=0.19)
    p.body(wall, color, "gloss")
    with p.group(clip_path=p.clip(wall)):
        p.grain(wall, "speckle", SNOW, 0.75)
        p.soft(band(cx, (780, 180), (830, 180), squash=0.19), INK, 0.35, radius=10)
        p.soft(box(238, 530, 22, 220, 11), "#ffffff", 0.5, radius=8)
    p.path(oval(cx, 468, 181, 36), rim)
    p.path(oval(cx - 2, 466, 176, 33), p.across("#6d7a80", "#20272b", "#39444a", "#14191c"))
    p.path(oval(cx, 469, 168, 29), p.across("#c9c6bb", "#efece2", SNOW))
    with p.group(clip_path=p.clip(oval(cx, 469, 168, 29))):
        p.soft(oval(cx, 500, 170, 30), INK, 0.45, radius=9)
        p.grain(oval(cx, 469, 168, 29), "speckle", "#6d7a80", 0.5)


def chef_knife(p: Picture, *, backdrop: str = "mist") -> None:
    """A chef's knife on a pale surface, walnut handle with three pins."""
    p.wall(backdrop)
    with p.group(transform="rotate(-52 400 500)"):
        blade = outline(
            [(-48, 524), (60, 482), (200, 466), (474, 464)],
            [(474, 464), (474, 566)],
            [(474, 566), (450, 572), (300, 570), (120, 556), (20, 542), (-48, 524)],
        )
        handle = outline(
            [(494, 464), (600, 460), (720, 462), (790, 466)],
            [(790, 466), (818, 486), (812, 528)],
            [(812, 528), (780, 536), (700, 520), (600, 520), (494, 530)],
            [(494, 530), (494, 464)],
        )
        p.drop(blade, dx=-14, dy=26)
        p.drop(handle, dx=-14, dy=26)
        p.path(
            blade,
            p.down(
                (0, "#8d979b"),
                (0.25, "#e9eeee"),
                (0.5, "#c3cbcd"),
                (0.8, "#f7fafa"),
                (1, "#9ba6aa"),
            ),
        )
        with p.group(clip_path=p.clip(blade)):
            p.path(
                curve(
                    [(-50, 516), (120, 532), (300, 544), (500, 542), (500, 640), (-50, 640)],
                    closed=True,
                ),
                "#ffffff",
                opacity=0.5,
            )
            p.soft(
                line([(180, 440), (250, 440), (160, 620), (90, 620)], closed=True),
                "#ffffff",
                0.8,
                radius=10,
            )
            p.soft(
                line([(330, 440), (350, 440), (270, 620), (250, 620)], closed=True),
                "#ffffff",
                0.7,
                radius=5,
            )
        p.path(box(470, 460, 30, 74, 8), p.down("#6f7a7e", "#f2f5f5", "#9aa4a8", "#5a6468"))
        p.path(handle, p.down(light(WALNUT, 0.32), WALNUT, dark(WALNUT, 0.5)))
        p.grain(handle, "wood", dark(WALNUT, 0.7), 0.5)
        with p.group(clip_path=p.clip(handle)):
            p.crease(
                curve([(494, 470), (600, 466), (720, 470), (800, 478)]),
                light(WALNUT, 0.8),
                7,
                0.6,
                radius=4,
            )
        for x in (540, 640, 742):
            p.path(oval(x, 492, 11), dark(BRASS, 0.5))
            p.path(oval(x - 1, 491, 9), p.slant(light(BRASS, 0.7), dark(BRASS, 0.2)))


def cutting_board(p: Picture, *, wood: str = WALNUT, backdrop: str = "paper") -> None:
    """A walnut board leaning on the wall."""
    p.studio(backdrop, horizon=0.74)
    shape = outline(
        [(360, 170), (372, 152), (400, 148), (428, 152), (440, 170)],
        [(440, 170), (442, 250), (452, 284), (484, 300), (556, 304)],
        [(556, 304), (584, 312), (594, 340)],
        [(594, 340), (606, 796)],
        [(606, 796), (600, 820), (576, 828)],
        [(576, 828), (224, 828)],
        [(224, 828), (200, 820), (194, 796)],
        [(194, 796), (206, 340)],
        [(206, 340), (216, 312), (244, 304)],
        [(244, 304), (316, 300), (348, 284), (358, 250), (360, 170)],
    )
    p.drop(shape, dx=44, dy=6, soft=22, strength=0.35)
    p.ground(400, 826, 215, ry=26)
    p.path(shape, dark(wood, 0.55), transform="translate(9 5)")
    p.path(
        shape,
        p.slant(light(wood, 0.32), light(wood, 0.06), dark(wood, 0.22), ends=(0.1, 0, 0.9, 1)),
    )
    with p.group(clip_path=p.clip(shape)):
        for x, share in (
            (186, 0.05),
            (262, -0.12),
            (322, 0.16),
            (398, -0.05),
            (470, 0.1),
            (540, -0.16),
        ):
            stave = box(x, 130, 78, 720)
            p.path(stave, light(wood, share) if share > 0 else dark(wood, -share), opacity=0.45)
        p.grain(box(180, 130, 440, 720), "wood-across", dark(wood, 0.75), 0.55)
        p.crease(curve([(214, 330), (196, 600), (194, 800)]), light(wood, 0.8), 8, 0.6, radius=4)
    p.path(oval(400, 206, 20), dark(wood, 0.75))
    p.path(oval(403, 209, 17), "#dccfb8")
    p.stroke(curve([(400, 200), (376, 120), (400, 78), (426, 120), (402, 204)]), CORD, 8)
    p.stroke(curve([(398, 200), (374, 120), (398, 77)]), light(CORD, 0.5), 2.5)


def skillet(p: Picture, *, backdrop: str = "sand") -> None:
    """A cast iron pan from above."""
    p.wall(backdrop)
    iron = "#33373a"
    with p.group(transform="translate(-34 64) scale(.86) translate(66 40) rotate(-42 400 500)"):
        handle = outline(
            [(590, 452), (650, 466), (760, 462), (880, 452)],
            [(880, 452), (916, 470), (916, 530), (880, 548)],
            [(880, 548), (760, 538), (650, 534), (590, 548), (590, 452)],
        )
        p.drop(handle, dx=-6, dy=34, soft=18, strength=0.4)
        p.drop(oval(370, 500, 256), dx=-6, dy=36, soft=20, strength=0.4)
        p.path(handle, p.down(light(iron, 0.32), iron, dark(iron, 0.5)))
        p.path(
            outline(
                [(850, 476), (886, 484), (886, 516), (850, 524)],
                [(850, 524), (836, 500), (850, 476)],
            ),
            "#cdb898",
        )
        p.crease("M640 478C720 470 800 466 860 462", light(iron, 0.8), 6, 0.5, radius=3)
        p.path(
            oval(370, 500, 258),
            p.slant(light(iron, 0.4), iron, dark(iron, 0.4), ends=(0.2, 0, 0.5, 1)),
        )
        for side in (-1, 1):  # pouring lips
            lip = outline(
                [(326, 500 + side * 250), (370, 500 + side * 272), (414, 500 + side * 250)],
                [(414, 500 + side * 250), (326, 500 + side * 250)],
            )
            p.path(lip, light(iron, 0.12) if side < 0 else dark(iron, 0.35))
        p.path(
            oval(370, 500, 240),
            p.slant(dark(iron, 0.6), dark(iron, 0.2), light(iron, 0.25), ends=(0.6, 0, 0.4, 1)),
        )
        p.path(
            oval(370, 500, 206),
            p.glow(light(iron, 0.2), iron, dark(iron, 0.32), at=(0.42, 0.36, 0.7)),
        )
        p.grain(oval(370, 500, 240), "cast", "#ffffff", 0.14)
        p.grain(oval(370, 500, 240), "cast", "#000000", 0.3)
        p.soft(
            curve(
                [(230, 430), (280, 360), (370, 334), (380, 350), (300, 384), (250, 446)],
                closed=True,
            ),
            "#ffffff",
            0.28,
            radius=12,
        )
        p.stroke(
            curve([(128, 420), (190, 320), (300, 258), (400, 250)]),
            light(iron, 0.6),
            4,
            opacity=0.5,
        )


def carafe(p: Picture, *, backdrop: str = "sea") -> None:
    """A blown glass carafe with water and an oak stopper."""
    p.studio(backdrop)
    cx = 390
    p.ground(cx, 832, 150, strength=0.6)
    p.path(oval(470, 846, 120, 22), p.glow((0, "#ffffff", 0.8), (1, "#ffffff", 0)))
    glass = lathe(
        cx,
        [(300, 72), (340, 62), (420, 62), (500, 96), (640, 148), (760, 152), (812, 138)],
        [(812, 138), (834, 120)],
        squash=0.16,
    )
    p.path(
        glass,
        p.across(
            (0, "#ffffff", 0.75),
            (0.07, "#dfecea", 0.35),
            (0.5, "#ffffff", 0.16),
            (0.9, "#88aaa8", 0.35),
            (1, "#ffffff", 0.7),
        ),
    )
    with p.group(clip_path=p.clip(glass)):
        water = box(200, 590, 400, 260)
        p.path(
            water,
            p.across(
                (0, "#4f8c8d", 0.75),
                (0.2, "#9cc7c5", 0.5),
                (0.55, "#bfdedb", 0.4),
                (0.85, "#4f8c8d", 0.55),
                (1, "#d8ecea", 0.8),
            ),
        )
        p.path(oval(cx, 590, 132, 20), p.across((0, "#e9f5f3", 0.95), (1, "#a7cccb", 0.9)))
        p.stroke(hoop(cx, 590, 132), "#ffffff", 3, opacity=0.9)
        p.soft(oval(cx + 40, 812, 90, 22), "#f2fbf9", 0.8, radius=10)
        p.path(oval(cx, 822, 112, 16), "#7fb0ae", opacity=0.5)
        p.path(
            curve(
                [(282, 620), (266, 700), (278, 780), (294, 780), (286, 700), (300, 612)],
                closed=True,
            ),
            "#ffffff",
            opacity=0.85,
        )
        p.path(
            curve(
                [(346, 350), (342, 420), (322, 480), (332, 484), (356, 424), (358, 350)],
                closed=True,
            ),
            "#ffffff",
            opacity=0.8,
        )
        p.soft(curve([(510, 620), (524, 720), (506, 790)]), "#1c5553", 0.4, radius=6)
    p.stroke(glass, "#ffffff", 3, opacity=0.6)
    p.path(
        oval(cx, 300, 72, 12),
        p.across((0, "#ffffff", 0.9), (0.5, "#d6e6e4", 0.5), (1, "#ffffff", 0.9)),
    )
    plug = lathe(
        cx,
        [(196, 50), (210, 62)],
        [(210, 62), (262, 62)],
        [(262, 62), (280, 52), (316, 50)],
        squash=0.18,
    )
    p.body(plug, OAK)
    p.grain(plug, "wood", dark(OAK, 0.6), 0.35)
    p.path(oval(cx, 198, 51, 9), light(OAK, 0.35))


def bowls(
    p: Picture,
    *,
    colors: tuple[str, str, str, str] = ("#e4d9c3", "#8fa9a0", "#2d6e6c", "#b9694a"),
    backdrop: str = "paper",
) -> None:
    """Four nesting bowls, stacked."""
    p.studio(backdrop)
    cx = 400
    p.ground(cx, 836, 150)
    levels = ((836, 250, 196), (738, 226, 178), (650, 202, 160), (570, 178, 144))
    stack = list(zip(levels, reversed(colors), strict=True))
    for (foot, rim, deep), color in stack:
        top = foot - deep
        p.path(
            oval(cx, top, rim, rim * 0.18),
            p.across(light(color, 0.5), light(color, 0.2), dark(color, 0.1)),
        )
        p.path(
            oval(cx, top + 2, rim - 9, rim * 0.18 - 6),
            p.across(dark(color, 0.45), dark(color, 0.18), light(color, 0.12)),
        )
        if color != colors[0]:
            p.soft(oval(cx, top + 8, rim * 0.8, rim * 0.13), INK, 0.4, radius=9)
    for (foot, rim, deep), color in reversed(
        stack
    ):  # each stands in the next, so the outermost is drawn last
        top = foot - deep
        shell = lathe(
            cx,
            [
                (top, rim),
                (top + deep * 0.42, rim * 0.93),
                (top + deep * 0.78, rim * 0.68),
                (foot - 16, rim * 0.42),
            ],
            [(foot - 16, rim * 0.42), (foot, rim * 0.44)],
            squash=0.18,
            socket=True,
        )
        p.body(shell, color, "satin")
        with p.group(clip_path=p.clip(shell)):
            p.grain(shell, "speckle", dark(color, 0.6), 0.5)
            p.soft(oval(cx, foot, rim * 0.9, deep * 0.3), INK, 0.3, radius=18)
        p.stroke(hoop(cx, top, rim, squash=0.18), light(color, 0.35), 7)


def teapot(p: Picture, *, glaze: str = "#7f9a8e", backdrop: str = "clay") -> None:
    """A round teapot with a cane handle."""
    p.studio(backdrop)
    cx = 390
    p.ground(cx, 818, 170)
    cane = [(262, 560), (270, 400), (340, 300), (440, 300), (510, 400), (518, 560)]
    p.stroke(curve(cane), dark(OAK, 0.6), 26)
    p.stroke(curve([(x - 2, y - 2) for x, y in cane]), OAK, 18)
    p.stroke(
        curve([(x - 2, y - 2) for x, y in cane]),
        dark(OAK, 0.4),
        18,
        stroke_dasharray="2 9",
        stroke_linecap="butt",
        opacity=0.6,
    )
    p.crease(curve([(x - 4, y - 6) for x, y in cane]), light(OAK, 0.8), 5, 0.8, radius=2)
    spout = outline(
        [(520, 740), (600, 700), (630, 600), (668, 540)],
        [(668, 540), (690, 536), (706, 548)],
        [(706, 548), (690, 610), (676, 720), (600, 800), (540, 810)],
        [(540, 810), (520, 740)],
    )
    p.path(spout, p.across(light(glaze, 0.25), glaze, dark(glaze, 0.4)))
    p.path(oval(688, 543, 19, 8), dark(glaze, 0.6), transform="rotate(14 688 543)")
    body = lathe(
        cx,
        [(540, 92), (560, 120), (620, 182), (690, 206), (760, 180), (806, 118)],
        [(806, 118), (824, 112)],
        squash=0.16,
    )
    p.body(body, glaze, "gloss")
    with p.group(clip_path=p.clip(body)):
        p.grain(body, "speckle", dark(glaze, 0.6), 0.6)
        p.soft(oval(cx, 830, 190, 44), INK, 0.4, radius=18)
        p.soft(oval(286, 640, 22, 60), "#ffffff", 0.6, radius=11)
    lid = lathe(cx, [(486, 26), (506, 60), (540, 94)], squash=0.2)
    p.body(lid, glaze, "gloss")
    p.stroke(hoop(cx, 540, 94, squash=0.2), dark(glaze, 0.6), 4, opacity=0.8)
    p.path(
        oval(cx, 474, 28, 25),
        p.glow(light(glaze, 0.7), glaze, dark(glaze, 0.5), at=(0.36, 0.3, 0.75)),
    )
    for x in (264, 516):
        p.path(oval(x, 566, 17, 19), dark(glaze, 0.35))
        p.path(oval(x - 2, 563, 12, 13), glaze)


def pepper_mill(p: Picture, *, wood: str = OAK, backdrop: str = "sage") -> None:
    """A turned mill with a brass knob."""
    p.studio(backdrop)
    cx = 400
    p.ground(cx, 852, 92)
    foot = lathe(
        cx,
        [(430, 62), (470, 56), (540, 46), (640, 58), (760, 84)],
        [(760, 84), (780, 92), (850, 92)],
        squash=0.2,
    )
    p.body(foot, wood)
    p.grain(foot, "wood-across", dark(wood, 0.7), 0.5)
    for y, r in ((772, 90), (786, 92)):
        p.stroke(hoop(cx, y, r, squash=0.2), dark(wood, 0.65), 4, opacity=0.6)
    p.body(lathe(cx, [(418, 60), (432, 60)], squash=0.2), BRASS, "metal")
    head = lathe(
        cx,
        [(240, 30), (262, 62), (316, 78), (370, 60)],
        [(370, 60), (392, 52), (420, 60)],
        squash=0.2,
    )
    p.body(head, wood)
    p.grain(head, "wood-across", dark(wood, 0.7), 0.5)
    p.soft(oval(362, 310, 9, 28), "#ffffff", 0.6, radius=7)
    p.soft(oval(354, 700, 8, 70), "#ffffff", 0.4, radius=7)
    p.path(
        oval(cx, 224, 24),
        p.glow(light(BRASS, 0.85), BRASS, dark(BRASS, 0.55), at=(0.35, 0.3, 0.75)),
    )
    for x, y, r in ((562, 880, 7), (596, 864, 6), (540, 900, 6), (620, 892, 7), (578, 906, 5)):
        p.path(oval(x + 3, y + 4, r + 1, r * 0.7), INK, opacity=0.3)
        p.path(oval(x, y, r), p.glow("#7d6a58", "#2d221b", at=(0.35, 0.3, 0.7)))


def tea_towel(
    p: Picture, *, color: str = OAT, stripe: str = "#2d6e6c", backdrop: str = "sage"
) -> None:
    """A linen towel over a rail, striped at the ends."""
    p.wall(backdrop)
    p.stroke("M110 250H690", INK, 20, opacity=0.25, transform="translate(10 18)", filter=p.blur(7))
    cloth = outline(
        [(240, 246), (300, 238), (400, 240), (500, 238), (560, 246)],
        [(560, 246), (566, 500), (556, 700), (570, 868)],
        [(570, 868), (500, 880), (440, 866), (380, 882), (300, 868), (232, 878)],
        [(232, 878), (244, 700), (234, 500), (240, 246)],
    )
    p.drop(cloth, dx=24, dy=18, soft=16, strength=0.3)
    p.path(cloth, p.across(light(color, 0.25), color, dark(color, 0.1)))
    with p.group(clip_path=p.clip(cloth)):
        for y, h in ((700, 12), (724, 46), (782, 12)):
            p.path(
                curve(
                    [
                        (220, y + 8),
                        (300, y),
                        (380, y + 10),
                        (440, y - 4),
                        (500, y + 8),
                        (590, y - 2),
                    ]
                ),
                stroke=stripe,
                stroke_width=h,
                opacity=0.9,
            )
        p.grain(cloth, "canvas", dark(color, 0.6), 0.35)
        for x, w, o in ((286, 26, 0.16), (392, 34, 0.2), (504, 30, 0.2)):
            p.crease(
                curve([(x, 240), (x + 8, 480), (x - 6, 700), (x + 6, 890)]), INK, w, o, radius=13
            )
        for x in (330, 446):
            p.crease(
                curve([(x, 240), (x + 6, 480), (x - 4, 700), (x + 8, 890)]),
                "#ffffff",
                22,
                0.4,
                radius=11,
            )
        p.soft(box(230, 236, 340, 18), "#ffffff", 0.5, radius=7)
        p.soft(box(230, 262, 340, 14), INK, 0.2, radius=8)
    p.stitch(
        curve([(240, 858), (300, 850), (380, 864), (440, 848), (500, 862), (562, 852)]),
        dark(color, 0.45),
        2.5,
    )
    for a, b in ((100, 240), (560, 700)):
        p.stroke(f"M{a} 248H{b}", dark(BRASS, 0.5), 18)
        p.stroke(f"M{a} 246H{b}", BRASS, 13)
        p.stroke(f"M{a} 242H{b}", light(BRASS, 0.8), 4)


def grinder(p: Picture, *, color: str = GRAPHITE, backdrop: str = "clay") -> None:
    """A hand coffee grinder: steel barrel, copper crank, oak knob."""
    p.studio(backdrop)
    cx = 370
    p.ground(cx, 846, 108)
    cup = lathe(cx, [(640, 102), (820, 100)], [(820, 100), (846, 90)], squash=0.17)
    p.body(cup, STEEL, "metal")
    barrel = lathe(cx, [(330, 108), (642, 108)], squash=0.17)
    p.body(barrel, color, "satin")
    p.grain(barrel, "cast", "#ffffff", 0.1)
    p.stroke(hoop(cx, 644, 108, squash=0.17), INK, 4, opacity=0.7)
    for y in (440, 540):
        p.stroke(hoop(cx, y, 108, squash=0.17), dark(color, 0.6), 5)
        p.stroke(hoop(cx, y + 4, 108, squash=0.17), light(color, 0.4), 2)
    p.path(oval(cx, 330, 108, 18), p.slant(light(STEEL, 0.7), dark(STEEL, 0.3)))
    p.body(lathe(cx, [(284, 18), (328, 22)], squash=0.2), STEEL, "metal")
    arm = curve([(cx, 284), (450, 274), (540, 262), (590, 262)])
    p.stroke(arm, dark(COPPER, 0.55), 24)
    p.stroke(arm, COPPER, 17)
    p.stroke(curve([(cx, 279), (450, 269), (540, 257), (590, 257)]), light(COPPER, 0.8), 4)
    p.body(lathe(590, [(168, 26), (190, 40), (226, 36), (254, 20)], squash=0.2), OAK)
    p.path(oval(590, 168, 26, 5), light(OAK, 0.4))
    p.path(oval(cx, 284, 20, 9), light(STEEL, 0.5))
    for x, y, a in ((560, 880, 20), (600, 862, -30), (536, 902, 70), (632, 892, 10)):
        with p.group(transform=f"rotate({a} {x} {y})"):
            p.path(oval(x + 3, y + 5, 16, 11), INK, opacity=0.25)
            p.path(oval(x, y, 15, 10), p.glow("#8a5a3a", "#42261a", at=(0.35, 0.3, 0.75)))
            p.stroke(curve([(x - 13, y), (x, y + 3), (x + 13, y - 1)]), "#23130c", 2.5)
