"""Tents, bottles, tools and seats for outdoors."""

from .color import (
    ASH,
    BRASS,
    COPPER,
    DEEP,
    GLOW,
    GRAPHITE,
    INK,
    MOSS,
    OAT,
    OCHRE,
    SEA,
    SNOW,
    STEEL,
    TAN,
    WALNUT,
    dark,
    light,
    mix,
)
from .picture import Picture
from .shape import band, box, curve, hoop, lathe, line, on_circle, outline, oval


def tent(
    p: Picture, *, color: str = OCHRE, lining: str = "#7a5a24", backdrop: str = "sea"
) -> None:
    """A two-person ridge tent, one door tied back, in front of far hills."""
    p.studio(backdrop, horizon=0.62)
    top, floor = ("#cfdedb", "#a3bdb8") if backdrop == "sea" else ("#dde2d4", "#bac3ab")
    for points, share in (
        ([(0, 560), (120, 470), (220, 500), (360, 400), (480, 470), (620, 420), (800, 520)], 0.28),
        ([(0, 600), (160, 560), (300, 590), (470, 530), (640, 580), (800, 550)], 0.5),
    ):
        p.path(
            curve(points) + "L800 650L0 650Z", p.down(mix(top, SEA, share), mix(floor, SEA, 0.12))
        )
    p.path(oval(420, 830, 400, 66), p.glow((0, MOSS, 0.4), (1, MOSS, 0)))
    p.ground(430, 838, 290, ry=40, strength=0.9)
    for a, b in (
        ((300, 306), (60, 850)),
        ((560, 330), (770, 800)),
        ((190, 640), (96, 900)),
        ((508, 700), (600, 900)),
    ):
        p.stroke(line([a, b]), dark(OAT, 0.2), 3)
        p.path(box(b[0] - 4, b[1] - 8, 8, 20, 3), GRAPHITE)
    side = outline(
        [(300, 306), (420, 326), (560, 330)],
        [(560, 330), (620, 560), (690, 790)],
        [(690, 790), (620, 826), (508, 858)],
        [(508, 858), (410, 590), (300, 306)],
    )
    p.path(
        side,
        p.slant(light(color, 0.08), dark(color, 0.18), dark(color, 0.42), ends=(0.1, 0, 0.8, 1)),
    )
    with p.group(clip_path=p.clip(side)):
        for a, b, c in (
            ((386, 330), (470, 560), (580, 840)),
            ((470, 330), (545, 560), (640, 810)),
        ):
            p.crease(curve([a, b, c]), INK, 8, 0.3, radius=4)
            p.stroke(
                curve([(a[0] - 3, a[1]), (b[0] - 3, b[1]), (c[0] - 3, c[1])]),
                light(color, 0.3),
                3,
                opacity=0.7,
            )
        p.crease(curve([(300, 330), (430, 352), (570, 352)]), GLOW, 14, 0.4, radius=7)
    front = outline(
        [(300, 306), (235, 520), (110, 838)],
        [(110, 838), (300, 868), (508, 858)],
        [(508, 858), (410, 590), (300, 306)],
    )
    p.path(
        front,
        p.slant(light(color, 0.4), light(color, 0.12), dark(color, 0.06), ends=(0, 0, 1, 0.9)),
    )
    hole = outline(
        [(300, 352), (270, 560), (226, 852)],
        [(226, 852), (330, 866), (428, 860)],
        [(428, 860), (370, 620), (300, 352)],
    )
    p.path(hole, p.down(dark(lining, 0.55), dark(lining, 0.3), mix(lining, "#f1c877", 0.35)))
    with p.group(clip_path=p.clip(hole)):
        p.path(oval(330, 800, 130, 120), p.glow((0, "#ffe2a0", 0.75), (1, "#ffe2a0", 0)))
        p.path(box(262, 800, 150, 40, 20), "#2d6e6c")
        p.path(box(262, 796, 150, 18, 9), light(SEA, 0.3))
    flap = outline(
        [(300, 352), (286, 470), (262, 560)],
        [(262, 560), (228, 640), (236, 700)],
        [(236, 700), (222, 780), (226, 852)],
        [(226, 852), (190, 848), (176, 842)],
        [(176, 842), (200, 700), (246, 560), (300, 352)],
    )
    p.path(flap, p.across(light(color, 0.45), color, dark(color, 0.3)))
    p.crease(curve([(290, 400), (250, 580), (206, 690), (200, 840)]), INK, 8, 0.35, radius=4)
    p.stroke(curve([(218, 648), (236, 656), (258, 650)]), TAN, 9)
    p.stroke(line([(300, 352), (370, 620), (428, 860)]), light(color, 0.4), 5, opacity=0.9)
    p.stitch(line([(300, 316), (240, 520), (124, 836)]), dark(color, 0.35), 2.5)
    p.stroke(curve([(300, 304), (420, 324), (560, 328)]), light(color, 0.5), 6)
    p.stroke("M300 306V286M560 330V312", WALNUT, 9)


def bottle(
    p: Picture,
    *,
    color: str = SEA,
    lid: str = GRAPHITE,
    wide: float = 1.0,
    backdrop: str = "paper",
) -> None:
    """An insulated steel bottle, powder coated, with a carry loop."""
    p.studio(backdrop)
    with p.group(transform="translate(400 870) scale(1.1) translate(-400 -858)"):
        _bottle(p, color, lid, 108 * wide)


def _bottle(p: Picture, color: str, lid: str, r: float) -> None:
    cx = 400
    p.ground(cx, 862, r + 4)
    body = lathe(
        cx,
        [(330, r * 0.5), (360, r * 0.58), (410, r * 0.9), (450, r)],
        [(450, r), (836, r)],
        squash=0.16,
    )
    p.body(
        lathe(
            cx, [(800, r * 0.97), (850, r * 0.97)], [(850, r * 0.97), (862, r * 0.92)], squash=0.16
        ),
        STEEL,
        "metal",
    )
    p.body(body, color, "satin")
    p.grain(body, "cast", dark(color, 0.6), 0.22)
    with p.group(clip_path=p.clip(body)):
        p.soft(box(cx - r * 0.62, 440, 16, 370, 8), "#ffffff", 0.45, radius=7)
        p.soft(box(cx + r * 0.55, 440, 60, 440), INK, 0.25, radius=18)
        p.soft(band(cx, (828, 150), (860, 150)), INK, 0.3, radius=7)
    # the mark: three hills in a ring
    with p.group(
        opacity=0.8,
        stroke=light(color, 0.8),
        fill="none",
        stroke_width=4.5,
        stroke_linejoin="round",
    ):
        p.path(oval(cx - 4, 640, 36))
        p.path(f"M{cx - 34} 656l22 -32l14 18l12 -14l18 26")
    neck = lathe(cx, [(312, r * 0.48), (334, r * 0.5)], squash=0.16)
    p.body(neck, STEEL, "metal")
    cap = lathe(
        cx, [(218, r * 0.5), (230, r * 0.55)], [(230, r * 0.55), (314, r * 0.55)], squash=0.18
    )
    loop = curve(
        [
            (cx - r * 0.42, 240),
            (cx - r * 0.44, 176),
            (cx, 148),
            (cx + r * 0.44, 176),
            (cx + r * 0.42, 240),
        ]
    )
    p.stroke(loop, dark(lid, 0.4), 24)
    p.stroke(loop, light(lid, 0.18), 14, transform="translate(-2 -3)")
    p.body(cap, lid, "satin")
    p.path(oval(cx, 219, r * 0.5, 10), light(lid, 0.18))
    for k in range(-4, 5):
        x = cx + r * 0.54 * (k / 4.6)
        p.stroke(f"M{x:.1f} 248V306", dark(lid, 0.6), 3, opacity=0.6)


def hatchet(p: Picture, *, backdrop: str = "sage") -> None:
    """A forged hatchet with an ash handle, lying on a bench."""
    p.wall(backdrop)
    with p.group(transform="rotate(24 400 500) translate(30 10)"):
        helve = outline(
            [(368, 200), (372, 180), (402, 176), (410, 200)],
            [(410, 200), (414, 420), (436, 620), (430, 780), (446, 862)],
            [(446, 862), (436, 884), (392, 892), (378, 874)],
            [(378, 874), (386, 780), (384, 620), (366, 420), (368, 200)],
        )
        head = outline(
            [(446, 214), (450, 300)],
            [(450, 300), (400, 308), (340, 312), (290, 336), (226, 408)],
            [(226, 408), (196, 320), (190, 240), (206, 160)],
            [(206, 160), (270, 208), (340, 222), (446, 214)],
        )
        p.drop(helve, dx=20, dy=22)
        p.drop(head, dx=22, dy=26)
        p.path(helve, p.across(light(ASH, 0.4), ASH, dark(ASH, 0.45)))
        p.grain(helve, "wood-across", dark(ASH, 0.7), 0.4)
        p.path(box(362, 690, 90, 150), SEA, clip_path=p.clip(helve), opacity=0.95)
        with p.group(clip_path=p.clip(helve)):
            p.crease(
                curve([(378, 200), (378, 420), (398, 620), (394, 860)]), GLOW, 9, 0.6, radius=4
            )
            p.crease(
                curve([(408, 300), (408, 420), (430, 620), (426, 780)]), INK, 14, 0.35, radius=6
            )
        iron = "#4a5052"
        p.path(head, p.slant(light(iron, 0.42), iron, dark(iron, 0.45), ends=(0, 0, 0.5, 1)))
        p.grain(head, "cast", "#000000", 0.3)
        edge = outline(
            [(226, 408), (196, 320), (190, 240), (206, 160)],
            [(206, 160), (232, 186), (226, 250), (232, 320), (256, 372)],
            [(256, 372), (226, 408)],
        )
        p.path(edge, p.across("#eef2f2", "#b9c2c4", "#8c9699"))
        p.stroke(
            curve([(230, 186), (224, 250), (230, 320), (254, 372)]), "#ffffff", 2.5, opacity=0.8
        )
        p.crease(
            curve([(214, 170), (270, 214), (340, 230), (440, 222)]), "#ffffff", 6, 0.55, radius=3
        )
        p.stroke(oval(420, 868, 8), dark(ASH, 0.6), 3)
        p.stroke(curve([(420, 868), (470, 900), (520, 880), (530, 820)]), TAN, 7)


def folding_knife(p: Picture, *, backdrop: str = "clay") -> None:
    """A small folding knife, half open, walnut scales and brass bolsters."""
    p.wall(backdrop)
    with p.group(transform="translate(390 560) scale(1.12) rotate(-34) translate(-390 -440)"):
        blade = outline(
            [(560, 470), (500, 380), (396, 268), (300, 176), (240, 132)],
            [(240, 132), (244, 200), (290, 286), (380, 380), (492, 500)],
            [(492, 500), (560, 470)],
        )
        scale = outline(
            [(112, 520), (130, 488), (200, 478), (400, 462), (560, 452), (616, 462)],
            [(616, 462), (640, 490), (630, 528)],
            [(630, 528), (560, 548), (400, 552), (220, 580), (140, 580)],
            [(140, 580), (112, 560), (112, 520)],
        )
        p.drop(blade, dx=10, dy=28)
        p.drop(scale, dx=6, dy=30)
        p.path(
            blade, p.slant("#dfe5e6", "#a9b2b5", "#f4f7f7", "#8d979a", ends=(0.7, 0.2, 0.3, 0.6))
        )
        p.stroke(
            curve([(252, 206), (298, 280), (388, 372), (488, 478)]), "#ffffff", 4, opacity=0.8
        )
        p.path(line([(480, 384), (506, 412), (500, 420), (472, 392)], closed=True), "#7a8487")
        p.path(scale, p.down(light(WALNUT, 0.35), WALNUT, dark(WALNUT, 0.5)))
        p.grain(scale, "wood", dark(WALNUT, 0.75), 0.55)
        with p.group(clip_path=p.clip(scale)):
            for x, w in ((80, 92), (540, 130)):
                p.path(
                    box(x, 420, w, 200),
                    p.down(light(BRASS, 0.1), light(BRASS, 0.75), BRASS, dark(BRASS, 0.5)),
                )
                edge = x + w if x < 300 else x
                p.stroke(f"M{edge} 420V600", dark(BRASS, 0.6), 3)
            p.crease(
                curve([(120, 512), (220, 494), (400, 478), (600, 470)]), GLOW, 8, 0.55, radius=4
            )
        for x, y, r in ((584, 500, 15), (238, 530, 9), (420, 508, 9)):
            p.path(oval(x + 1, y + 2, r), dark(BRASS, 0.6))
            p.path(oval(x, y, r - 2), p.slant(light(BRASS, 0.8), dark(BRASS, 0.2)))


def camp_chair(
    p: Picture, *, color: str = "#56684f", wood: str = ASH, backdrop: str = "paper"
) -> None:
    """A folding chair: crossed ash legs and a canvas sling."""
    p.studio(backdrop, horizon=0.68)
    p.ground(400, 866, 240, ry=34, strength=0.4)
    for x, y in ((196, 876), (604, 876), (270, 816), (532, 816)):
        p.ground(x, y, 24, ry=7)

    def bar(a: tuple[float, float], b: tuple[float, float], tint: str, width: float) -> None:
        p.stroke(line([a, b]), dark(tint, 0.45), width)
        p.stroke(line([(a[0] - 2, a[1] - 2), (b[0] - 2, b[1] - 2)]), tint, width - 7)
        p.stroke(
            line([(a[0] - 5, a[1] - 3), (b[0] - 5, b[1] - 3)]), light(tint, 0.6), 3, opacity=0.8
        )

    far = dark(wood, 0.25)
    bar((516, 566), (270, 816), far, 22)
    bar((290, 566), (532, 816), far, 22)
    bar((262, 220), (300, 570), wood, 24)
    bar((538, 220), (500, 570), wood, 24)
    back = outline(
        [(256, 236), (300, 244), (400, 250), (500, 244), (544, 236)],
        [(544, 236), (534, 340), (524, 430)],
        [(524, 430), (470, 442), (400, 446), (330, 442), (276, 430)],
        [(276, 430), (266, 340), (256, 236)],
    )
    seat = outline(
        [(256, 566), (330, 592), (400, 598), (470, 592), (544, 566)],
        [(544, 566), (590, 620), (628, 654)],
        [(628, 654), (530, 690), (400, 704), (270, 690), (172, 654)],
        [(172, 654), (210, 620), (256, 566)],
    )
    for d in (back, seat):
        p.path(d, p.slant(light(color, 0.3), color, dark(color, 0.3), ends=(0.1, 0, 0.8, 1)))
        p.grain(d, "canvas", dark(color, 0.7), 0.4)
    with p.group(clip_path=p.clip(back)):
        p.soft(oval(400, 360, 90, 80), INK, 0.22, radius=30)
        p.crease("M276 230L292 440M524 230L508 440", INK, 7, 0.35, radius=3)
    p.stitch("M284 244L298 434M516 244L502 434", light(color, 0.55), 2.5)
    with p.group(clip_path=p.clip(seat)):
        p.soft(oval(400, 640, 130, 34), INK, 0.35, radius=20)
        p.crease(
            curve([(180, 660), (270, 694), (400, 708), (530, 694), (620, 660)]),
            GLOW,
            9,
            0.4,
            radius=5,
        )
    p.stitch(
        curve([(206, 640), (290, 672), (400, 684), (510, 672), (594, 640)]),
        light(color, 0.55),
        2.5,
    )
    bar((618, 664), (196, 876), wood, 26)
    bar((182, 664), (604, 876), wood, 26)
    p.path(oval(402, 773, 14), dark(BRASS, 0.5))
    p.path(oval(400, 771, 11), p.slant(light(BRASS, 0.8), dark(BRASS, 0.2)))
    for x in (262, 538):
        p.path(
            oval(x, 212, 15, 16), p.glow(light(wood, 0.5), dark(wood, 0.2), at=(0.35, 0.3, 0.8))
        )


def compass(p: Picture, *, metal: str = BRASS, backdrop: str = "night") -> None:
    """A brass pocket compass, lid open, on a dark table."""
    p.wall(backdrop)
    cx, cy, r = 400, 580, 220
    lid = oval(cx, 250, 190, 150)
    p.drop(lid, dx=22, dy=30, strength=0.45)
    p.path(lid, p.slant(light(metal, 0.55), metal, dark(metal, 0.55), light(metal, 0.1)))
    p.path(oval(cx, 252, 170, 132), p.slant(dark(metal, 0.5), metal, light(metal, 0.4)))
    with p.group(clip_path=p.clip(oval(cx, 252, 170, 132))):
        p.soft(
            line([(250, 380), (420, 120), (480, 120), (310, 390)], closed=True),
            "#ffffff",
            0.35,
            radius=14,
        )
        p.soft(box(220, 330, 360, 80), INK, 0.35, radius=18)
    p.path(
        box(cx - 52, 362, 104, 34, 10),
        p.across(dark(metal, 0.4), light(metal, 0.6), metal, dark(metal, 0.5)),
    )
    p.drop(oval(cx, cy, r), dx=26, dy=36, strength=0.5)
    p.path(
        oval(cx, cy, r),
        p.slant(light(metal, 0.8), metal, dark(metal, 0.55), light(metal, 0.2), dark(metal, 0.3)),
    )
    p.stroke(oval(cx, cy, r - 14), dark(metal, 0.5), 3, opacity=0.7)
    p.stroke(oval(cx, cy, r - 18), light(metal, 0.7), 2, opacity=0.8)
    p.path(oval(cx, cy, r - 34), dark(metal, 0.7))
    p.path(oval(cx, cy + 3, r - 39), p.slant("#d9ceb4", "#f6efdd", "#fffaf0"))
    for every, inner, width in ((1, 162, 2), (6, 152, 2), (18, 136, 4)):
        marks = (
            line([on_circle(cx, cy, 172, k * 5), on_circle(cx, cy, inner, k * 5)])
            for k in range(0, 72, every)
        )
        p.stroke("".join(marks), GRAPHITE, width, stroke_linecap="butt")
    for side, tint in ((-1, mix(SEA, SNOW, 0.35)), (1, DEEP)):
        for first, length in ((1, 66), (0, 112)):
            halves = (
                line(
                    [
                        (cx, cy),
                        on_circle(cx, cy, 26, k * 45 + side * 45),
                        on_circle(cx, cy, length, k * 45),
                    ],
                    closed=True,
                )
                for k in range(first, 8, 2)
            )
            p.path("".join(halves), tint)
    for degrees, tint in ((28, "#b4452f"), (208, "#e6e3da")):
        tip, a, b = (
            on_circle(cx, cy, 146, degrees),
            on_circle(cx, cy, 13, degrees + 90),
            on_circle(cx, cy, 13, degrees - 90),
        )
        p.path(
            line([a, tip, b], closed=True),
            INK,
            opacity=0.35,
            transform="translate(6 9)",
            filter=p.blur(3),
        )
        p.path(line([a, tip, (cx, cy)], closed=True), tint)
        p.path(line([b, tip, (cx, cy)], closed=True), dark(tint, 0.28))
    p.path(oval(cx, cy, 13), p.slant(light(metal, 0.8), dark(metal, 0.35)))
    glass = oval(cx, cy, r - 36)
    with p.group(clip_path=p.clip(glass)):
        p.path(
            curve(
                [(230, 520), (300, 430), (420, 400), (470, 410), (350, 470), (270, 610)],
                closed=True,
            ),
            "#ffffff",
            opacity=0.3,
        )
        p.stroke(oval(cx - 5, cy - 8, r - 30), INK, 18, opacity=0.4, filter=p.blur(8))
    p.body(box(cx - 30, cy + r - 6, 60, 34, 8), metal, "metal")
    p.stroke(oval(cx, cy + r + 64, 40), dark(metal, 0.5), 15)
    p.stroke(oval(cx - 1, cy + r + 62, 40), light(metal, 0.35), 8)


def dry_bag(p: Picture, *, color: str = OCHRE, backdrop: str = "mist") -> None:
    """A roll-top dry bag, buckled."""
    p.studio(backdrop)
    cx = 400
    p.ground(cx, 846, 160)
    strap = curve(
        [(262, 290), (226, 200), (300, 120), (400, 108), (500, 120), (574, 200), (538, 290)]
    )
    p.stroke(strap, dark(GRAPHITE, 0.4), 30)
    p.stroke(strap, light(GRAPHITE, 0.12), 20)
    p.stitch(strap, light(GRAPHITE, 0.5), 2)
    body = lathe(
        cx,
        [(330, 128), (400, 142), (500, 152), (700, 156), (790, 154)],
        [(790, 154), (846, 142)],
        squash=0.17,
    )
    p.body(body, color, "satin")
    with p.group(clip_path=p.clip(body)):
        for d, w, o in (
            ([(300, 330), (340, 420), (330, 560)], 18, 0.3), ([(470, 330), (450, 430), (470, 560)], 20, 0.3),
            ([(380, 330), (392, 390), (384, 470)], 14, 0.22), ([(270, 600), (330, 640), (430, 620)], 18, 0.18),
            ([(400, 720), (480, 700), (560, 730)], 18, 0.22),
        ):  # fmt: skip
            p.crease(curve(d), INK, w, o, radius=9)
        for d in (
            [(322, 340), (356, 430), (352, 540)],
            [(280, 570), (340, 606), (440, 590)],
            [(420, 690), (490, 672), (550, 690)],
        ):
            p.crease(curve(d), GLOW, 14, 0.5, radius=8)
        p.soft(band(cx, (790, 160), (850, 160)), INK, 0.3, radius=10)
        p.soft(band(cx, (320, 160), (350, 160)), INK, 0.45, radius=9)
    p.stroke(hoop(cx, 790, 155, squash=0.17), dark(color, 0.5), 4, opacity=0.7)
    p.stroke(hoop(cx, 795, 155, squash=0.17), light(color, 0.5), 3, opacity=0.7)
    for i, y in enumerate((318, 290, 262)):
        roll = box(266 - i * 3, y, 268 + i * 6, 36, 18)
        p.path(roll, p.down(light(color, 0.45), color, dark(color, 0.45)))
    p.path(box(250, 264, 42, 62, 8), GRAPHITE)
    p.path(box(508, 264, 42, 62, 8), GRAPHITE)
    p.path(box(256, 268, 12, 54, 5), light(GRAPHITE, 0.35))
    p.path(box(514, 268, 12, 54, 5), light(GRAPHITE, 0.35))
    with p.group(stroke=SNOW, fill="none", stroke_width=6, stroke_linejoin="round", opacity=0.9):
        p.path(oval(380, 640, 50))
        p.path("M338 662l30 -44l20 25l16 -19l26 36")


def stove(p: Picture, *, backdrop: str = "sand") -> None:
    """A spirit stove: copper pot on a folding steel stand."""
    p.studio(backdrop)
    cx = 390
    p.ground(cx, 846, 150)
    burner = lathe(
        cx, [(742, 70), (764, 74)], [(764, 74), (832, 70)], [(832, 70), (846, 62)], squash=0.2
    )
    p.body(burner, BRASS, "metal")
    p.path(oval(cx, 742, 70, 14), dark(BRASS, 0.5))
    for x, h in ((-38, 70), (-12, 88), (16, 92), (42, 66)):
        p.path(
            curve(
                [
                    (cx + x - 12, 744),
                    (cx + x - 14, 716),
                    (cx + x, 744 - h),
                    (cx + x + 14, 716),
                    (cx + x + 12, 744),
                ]
            )
            + "Z",
            p.down((0, "#8fd0e8", 0.1), (0.6, "#4f9ec4", 0.75), (1, "#ffd27c", 0.9)),
        )
    for x in (-150, 150):
        d = line([(cx + x * 0.95, 668), (cx + x * 0.7, 690), (cx + x, 850)])
        p.stroke(d, dark(STEEL, 0.6), 13)
        p.stroke(d, light(STEEL, 0.5), 5, transform="translate(-2 -1)")
    pot = lathe(cx, [(440, 176), (600, 176)], [(600, 176), (650, 170), (668, 150)], squash=0.17)
    p.body(pot, COPPER, "metal")
    with p.group(clip_path=p.clip(pot)):
        p.soft(oval(cx, 690, 150, 50), "#ffd27c", 0.55, radius=18)
        p.soft(box(cx + 90, 440, 90, 220), INK, 0.2, radius=20)
    rim = lathe(cx, [(428, 180), (444, 182)], squash=0.17)
    p.body(rim, COPPER, "metal")
    p.path(oval(cx, 428, 180, 31), p.across(light(COPPER, 0.5), COPPER, dark(COPPER, 0.3)))
    lid = lathe(cx, [(376, 60), (400, 130), (426, 168)], squash=0.17)
    p.body(lid, COPPER, "metal")
    p.path(oval(cx, 376, 60, 10), light(COPPER, 0.35), opacity=0.5)
    p.body(lathe(cx, [(352, 10), (376, 12)]), STEEL, "metal")
    p.path(
        oval(cx, 340, 25, 21),
        p.glow(light(WALNUT, 0.5), WALNUT, dark(WALNUT, 0.5), at=(0.36, 0.3, 0.8)),
    )
    for y in (500, 560):
        p.path(oval(cx + 172, y, 9), dark(COPPER, 0.5))
    p.stroke(
        curve(
            [(cx + 172, 500), (cx + 240, 494), (cx + 262, 530), (cx + 240, 564), (cx + 172, 560)]
        ),
        dark(STEEL, 0.5),
        15,
    )
    p.stroke(
        curve(
            [(cx + 172, 497), (cx + 240, 491), (cx + 260, 528), (cx + 238, 561), (cx + 172, 557)]
        ),
        light(STEEL, 0.4),
        6,
    )
    p.crease(
        curve([(cx - 30, 330), (cx - 60, 270), (cx - 20, 220), (cx - 40, 160)]),
        "#ffffff",
        18,
        0.5,
        radius=10,
    )
