"""Notebooks, pens and things that make sound."""

from .color import (
    ASH,
    BRASS,
    CLAY,
    COGNAC,
    GLOW,
    GRAPHITE,
    INK,
    OAT,
    SEA,
    SNOW,
    STEEL,
    TAN,
    dark,
    light,
    mix,
)
from .picture import Picture
from .shape import box, curve, lathe, line, outline, oval


def notebook(p: Picture, *, color: str = SEA, ribbon: str = CLAY, backdrop: str = "sand") -> None:
    """A cloth-bound notebook with an elastic band and a ribbon, lying at an angle."""
    p.wall(backdrop)
    with p.group(transform="rotate(-9 400 500)"):
        cover = box(178, 200, 444, 610, 14)
        p.drop(cover, dx=22, dy=28)
        p.stroke(
            curve([(392, 806), (398, 850), (384, 894)]),
            INK,
            15,
            opacity=0.3,
            transform="translate(8 8)",
            filter=p.blur(5),
        )
        p.stroke(curve([(392, 800), (398, 850), (384, 894)]), ribbon, 15, stroke_linecap="butt")
        p.path(box(184, 208, 446, 612, 12), dark(color, 0.5))
        p.path(box(190, 206, 436, 608, 8), p.down("#f7f0e0", "#e2d7c0"))
        p.stroke("M196 811H620M200 807H622", "#b9ab8e", 1.5)
        p.path(cover, p.slant(light(color, 0.3), color, dark(color, 0.28), ends=(0, 0, 1, 1)))
        p.grain(cover, "canvas", dark(color, 0.75), 0.4)
        with p.group(clip_path=p.clip(cover)):
            p.path(box(178, 200, 62, 610), dark(color, 0.22), opacity=0.75)
            p.crease("M240 200V810", INK, 9, 0.4, radius=4)
            p.crease("M250 200V810", GLOW, 6, 0.35, radius=3)
            p.soft(line([(250, 200), (480, 200), (250, 520)], closed=True), GLOW, 0.3, radius=40)
            p.stroke(
                "M566 190V820", INK, 20, opacity=0.35, filter=p.blur(5), transform="translate(6 4)"
            )
            p.stroke("M566 190V820", dark(color, 0.55), 18, stroke_linecap="butt")
            p.stroke("M561 190V820", light(color, 0.1), 4, stroke_linecap="butt", opacity=0.7)
        p.path(box(318, 296, 176, 110, 4), INK, opacity=0.25, transform="translate(2 3)")
        p.path(box(318, 296, 176, 110, 4), p.slant(light(OAT, 0.5), OAT))
        p.stroke(box(328, 306, 156, 90, 2), dark(color, 0.1), 2)
        p.stroke("M348 346H464M348 370H436", dark(OAT, 0.35), 2.5)


def notebook_open(p: Picture, *, color: str = SEA, backdrop: str = "paper") -> None:
    """The notebook open at a dotted spread, with a pencil."""
    p.wall(backdrop)
    with p.group(transform="rotate(-6 400 500)"):
        cover = box(52, 268, 696, 470, 16)
        p.drop(cover, dx=20, dy=30)
        p.path(cover, p.across(color, dark(color, 0.25)))
        left = outline(
            [(68, 286), (200, 270), (330, 272), (400, 296)],
            [(400, 296), (400, 722)],
            [(400, 722), (330, 700), (200, 702), (68, 716)],
            [(68, 716), (68, 286)],
        )
        right = outline(
            [(732, 286), (600, 270), (470, 272), (400, 296)],
            [(400, 296), (400, 722)],
            [(400, 722), (470, 700), (600, 702), (732, 716)],
            [(732, 716), (732, 286)],
        )
        p.path(left, p.across((0, "#efe6d3"), (0.7, "#fbf7ec"), (0.94, "#e2d6bf"), (1, "#b7a98e")))
        p.path(
            right, p.across((0, "#a99b80"), (0.08, "#efe6d3"), (0.4, "#fcf8ee"), (1, "#eadfc9"))
        )
        rows = "".join(
            f"M{a} {y}h{w}" for y in range(322, 690, 26) for a, w in ((98, 270), (436, 270))
        )
        p.stroke(rows, "#a5977b", 3.4, stroke_dasharray="0 25", opacity=0.8)
        with p.group(
            stroke=dark(color, 0.1),
            fill="none",
            stroke_width=3.5,
            stroke_linecap="round",
            stroke_linejoin="round",
            opacity=0.8,
        ):
            p.path("M120 560l62 -96l40 54l34 -40l66 82M96 560h252")
            p.path(oval(270, 400, 26))
            p.path("M124 610h130M124 636h180M124 662h96")
        p.stroke(
            curve([(406, 300), (420, 420), (410, 560), (424, 760), (412, 806)]),
            CLAY,
            10,
            stroke_linecap="butt",
        )
        with p.group(transform="rotate(34 590 540) translate(20 0)"):
            _pencil(p, 590, 330, 430, ASH)


def _pencil(
    p: Picture, cx: float, y: float, length: float, wood: str, lacquer: str | None = None
) -> None:
    """Draw a hexagonal pencil, point down."""
    tint, w = lacquer or wood, 19
    whole = line(
        [
            (cx - w, y),
            (cx + w, y),
            (cx + w, y + length - 70),
            (cx, y + length),
            (cx - w, y + length - 70),
        ],
        closed=True,
    )
    p.drop(whole, dx=10, dy=12, soft=7, strength=0.36)
    p.path(
        line(
            [
                (cx - w, y + length - 74),
                (cx + w, y + length - 74),
                (cx + 5, y + length - 18),
                (cx - 5, y + length - 18),
            ],
            closed=True,
        ),
        p.across(light(ASH, 0.35), ASH, dark(ASH, 0.35)),
    )
    p.path(
        line(
            [(cx - 5.5, y + length - 20), (cx + 5.5, y + length - 20), (cx, y + length)],
            closed=True,
        ),
        GRAPHITE,
    )
    for i, share in enumerate((0.3, 0.02, -0.3)):
        x = cx - w + i * w * 2 / 3
        fill = light(tint, share) if share > 0 else dark(tint, -share)
        foot = y + length - 78
        p.path(f"M{x:.1f} {y}h{w * 2 / 3:.1f}V{foot}q{-w / 3:.1f} 16 {-w * 2 / 3:.1f} 0Z", fill)
    if lacquer is None:
        p.grain(box(cx - w, y, 2 * w, length - 76), "wood-across", dark(wood, 0.7), 0.4)


def pencil(p: Picture, *, backdrop: str = "sage") -> None:
    """Three cedar pencils, one lacquered in the shop's green."""
    p.wall(backdrop)
    with p.group(transform="rotate(38 400 500) scale(1.15) translate(-56 -60)"):
        for x, y, lacquer in ((318, 190, None), (402, 120, SEA), (486, 230, None)):
            _pencil(p, x, y, 590, "#c08a5c", lacquer)
            p.path(
                box(x - 19, y - 3, 38, 26, 2),
                p.across(light(BRASS, 0.6), BRASS, dark(BRASS, 0.45)),
            )


def fountain_pen(p: Picture, *, color: str = SEA, backdrop: str = "clay") -> None:
    """A fountain pen, uncapped, steel nib, beside its cap."""
    p.wall(backdrop)
    with p.group(transform="translate(64 -10) rotate(32 400 500)"):
        barrel = outline(
            [(352, 214), (360, 160), (380, 130), (400, 128)],
            [(400, 128), (420, 130), (440, 160), (448, 214)],
            [(448, 214), (450, 400), (444, 596)],
            [(444, 596), (356, 596)],
            [(356, 596), (350, 400), (352, 214)],
        )
        p.drop(barrel, dx=30, dy=14, soft=15)
        grip = outline(
            [(362, 604), (438, 604)],
            [(438, 604), (430, 680), (426, 740)],
            [(426, 740), (374, 740)],
            [(374, 740), (370, 680), (362, 604)],
        )
        p.drop(grip, dx=26, dy=12, soft=12)
        nib = outline(
            [(376, 736), (424, 736)],
            [(424, 736), (434, 790), (424, 830), (401, 900)],
            [(401, 900), (399, 900)],
            [(399, 900), (376, 830), (366, 790), (376, 736)],
        )
        p.drop(nib, dx=18, dy=10, soft=9)
        p.body(nib, STEEL, "metal")
        p.stroke("M400 806V896", GRAPHITE, 2.5)
        p.path(oval(400, 800, 7), GRAPHITE)
        p.stroke("M384 760q16 -10 32 0", dark(STEEL, 0.5), 2)
        p.body(grip, GRAPHITE, "gloss")
        p.body(barrel, color, "gloss")
        with p.group(clip_path=p.clip(barrel)):
            p.path(box(372, 120, 9, 480), "#ffffff", opacity=0.4)
        p.body(box(352, 590, 96, 18, 5), BRASS, "metal")
        p.body(box(351, 210, 98, 12, 4), BRASS, "metal")
    with p.group(transform="translate(-62 -96) rotate(14 300 650)"):
        cap = outline(
            [(246, 470), (256, 446), (300, 438), (344, 446), (354, 470)],
            [(354, 470), (358, 640), (356, 770)],
            [(356, 770), (244, 770)],
            [(244, 770), (242, 640), (246, 470)],
        )
        p.drop(cap, dx=26, dy=4, soft=13)
        p.body(cap, color, "gloss")
        p.path(box(266, 450, 10, 316), "#ffffff", opacity=0.4)
        p.body(box(243, 736, 114, 20, 4), BRASS, "metal")
        p.path(box(288, 452, 22, 200, 10), INK, opacity=0.35, transform="translate(6 4)")
        p.body(box(288, 452, 20, 196, 10), BRASS, "metal")
        p.path(
            oval(298, 640, 13), p.glow(light(BRASS, 0.8), dark(BRASS, 0.3), at=(0.35, 0.3, 0.8))
        )


def headphones(
    p: Picture,
    *,
    color: str = GRAPHITE,
    pad: str = COGNAC,
    metal: str = STEEL,
    backdrop: str = "mist",
) -> None:
    """Over-ear headphones standing on a table."""
    p.studio(backdrop)
    p.ground(250, 836, 92)
    p.ground(550, 836, 92)
    p.ground(400, 850, 200, strength=0.35)
    arc = [(214, 600), (196, 420), (266, 236), (400, 180), (534, 236), (604, 420), (586, 600)]
    p.stroke(curve(arc), dark(metal, 0.55), 22)
    p.stroke(curve(arc), metal, 14)
    p.stroke(curve([(x - 2, y - 3) for x, y in arc]), light(metal, 0.85), 4, opacity=0.9)
    bridge = outline(
        [(222, 356), (262, 244), (320, 180), (400, 156), (480, 180), (538, 244), (578, 356)],
        [(578, 356), (564, 376), (546, 366)],
        [(546, 366), (512, 284), (460, 228), (400, 212), (340, 228), (288, 284), (254, 366)],
        [(254, 366), (236, 376), (222, 356)],
    )
    p.path(bridge, p.slant(light(pad, 0.32), pad, dark(pad, 0.5), ends=(0.1, 0, 0.8, 1)))
    p.grain(bridge, "leather", dark(pad, 0.7), 0.35)
    p.stitch(
        curve(
            [(232, 350), (272, 250), (326, 190), (400, 168), (474, 190), (528, 250), (568, 350)]
        ),
        light(pad, 0.6),
        2.5,
    )
    p.crease(
        curve([(250, 362), (286, 280), (340, 224), (400, 208), (460, 224)]), INK, 10, 0.5, radius=5
    )
    for side in (-1, 1):
        cx = 400 + side * 176
        fork = curve([(cx + side * 12, 520), (cx + side * 44, 600), (cx + side * 34, 706)])
        p.stroke(fork, dark(metal, 0.5), 20)
        p.stroke(fork, light(metal, 0.35), 9, transform="translate(-2 -2)")
        cushion = oval(cx - side * 42, 694, 62, 146)
        p.path(cushion, p.slant(light(pad, 0.3), pad, dark(pad, 0.55)))
        p.grain(cushion, "leather", dark(pad, 0.7), 0.35)
        with p.group(clip_path=p.clip(cushion)):
            p.crease(oval(cx - side * 60, 694, 40, 112), INK, 18, 0.55, radius=9)
            p.crease(
                curve(
                    [(cx - side * 42 - 40, 600), (cx - side * 42, 556), (cx - side * 42 + 30, 580)]
                ),
                GLOW,
                12,
                0.5,
                radius=6,
            )
        cup = oval(cx + side * 4, 694, 76, 142)
        p.path(cup, p.slant(light(color, 0.4), color, dark(color, 0.5)))
        p.path(
            oval(cx + side * 12, 694, 56, 116),
            p.slant(dark(color, 0.3), color, light(color, 0.22)),
        )
        p.path(
            oval(cx + side * 14, 694, 40, 88), p.slant(light(color, 0.3), color, dark(color, 0.35))
        )
        p.grain(oval(cx + side * 14, 694, 40, 88), "cast", "#000000", 0.4)
        p.stroke(oval(cx + side * 12, 694, 56, 116), light(BRASS, 0.2), 3, opacity=0.9)
        p.path(oval(cx + side * 40, 706, 13, 15), p.slant(light(BRASS, 0.7), dark(BRASS, 0.35)))
        p.path(
            box(cx + side * 12 - 11, 500, 22, 40, 6),
            p.across(light(metal, 0.6), dark(metal, 0.45)),
        )
    p.stroke(
        curve([(224, 832), (216, 880), (300, 906), (460, 884), (560, 914), (640, 890)]),
        INK,
        8,
        opacity=0.25,
        transform="translate(4 8)",
        filter=p.blur(4),
    )
    p.stroke(
        curve([(224, 828), (216, 876), (300, 902), (460, 880), (560, 910), (640, 886)]),
        dark(color, 0.2),
        7,
    )


def speaker(
    p: Picture, *, color: str = "#8d9f86", strap: str = TAN, backdrop: str = "paper"
) -> None:
    """A small speaker: woven cloth front, ash sides, leather loop."""
    p.studio(backdrop)
    p.ground(410, 818, 270, ry=34)
    loop = curve([(214, 470), (206, 380), (300, 330), (500, 330), (594, 380), (586, 470)])
    p.stroke(loop, dark(strap, 0.5), 32)
    p.stroke(loop, strap, 22, transform="translate(-1 -3)")
    p.stitch(loop, light(strap, 0.6), 2.5)
    case = box(136, 444, 528, 372, 56)
    p.path(case, p.slant(light(ASH, 0.45), ASH, dark(ASH, 0.4), ends=(0, 0, 0.6, 1)))
    p.grain(case, "wood", dark(ASH, 0.7), 0.4)
    p.path(box(136, 444, 528, 30, 15), GLOW, opacity=0.25)
    front = box(160, 470, 480, 322, 40)
    p.stroke(front, dark(ASH, 0.6), 6, opacity=0.7)
    p.path(front, p.slant(light(color, 0.32), color, dark(color, 0.3)))
    with p.group(clip_path=p.clip(front)):
        p.grain(front, "canvas", dark(color, 0.85), 0.6)
        p.soft(oval(330, 632, 118), INK, 0.3, radius=16)
        p.soft(oval(330, 640, 96), light(color, 0.3), 0.4, radius=16)
        p.soft(oval(548, 560, 40), INK, 0.28, radius=10)
        p.stroke(
            oval(330, 636, 122) + oval(330, 636, 44) + oval(548, 560, 44),
            dark(color, 0.6),
            4,
            opacity=0.35,
        )
        p.stroke(front, INK, 16, opacity=0.35, filter=p.blur(7))
    p.path(box(516, 704, 92, 48, 6), p.slant(light(strap, 0.25), dark(strap, 0.15)))
    p.stroke("M540 740l14 -20l9 11l8 -9l12 18", dark(strap, 0.5), 4)
    p.path(oval(562, 446, 40, 12), dark(BRASS, 0.5))
    p.body(lathe(562, [(412, 36), (444, 38)], squash=0.26), BRASS, "metal")
    p.path(oval(562, 412, 36, 10), p.slant(light(BRASS, 0.8), BRASS, dark(BRASS, 0.2)))
    for x in (200, 600):
        p.path(oval(x, 470, 15), dark(BRASS, 0.5))
        p.path(oval(x - 1, 468, 12), p.slant(light(BRASS, 0.8), dark(BRASS, 0.25)))
    for x in (210, 590):
        p.path(box(x - 26, 812, 52, 12, 5), GRAPHITE)


def headphones_hung(p: Picture) -> None:
    """The headphones from the side, hanging on a peg."""
    p.wall("clay")
    peg = mix(ASH, TAN, 0.3)
    p.path(oval(412, 262, 40), INK, opacity=0.35, filter=p.blur(10))
    arc = curve(
        [(262, 640), (240, 420), (300, 268), (400, 232), (500, 268), (560, 420), (538, 640)]
    )
    p.stroke(arc, INK, 44, opacity=0.28, transform="translate(26 30)", filter=p.blur(14))
    p.stroke(arc, dark(COGNAC, 0.45), 46)
    p.stroke(arc, COGNAC, 36, transform="translate(-2 -3)")
    p.stitch(arc, light(COGNAC, 0.6), 3)
    for x in (256, 544):
        p.drop(oval(x, 700, 104, 132), dx=26, dy=30, soft=16)
        p.path(
            oval(x + (16 if x < 400 else -16), 700, 98, 136),
            p.slant(light(COGNAC, 0.25), dark(COGNAC, 0.5)),
        )
        p.path(oval(x, 700, 100, 128), p.slant(light(SNOW, 0.5), OAT, dark(OAT, 0.4)))
        p.stroke(oval(x, 700, 78, 104), BRASS, 5)
        p.path(oval(x, 700, 74, 100), p.slant(dark(OAT, 0.15), light(OAT, 0.5)))
        p.stroke(f"M{x - 22} 716l18 -26l12 14l10 -12l16 24", dark(OAT, 0.4), 5)
        p.path(box(x - 13, 560, 26, 44, 6), p.across(light(STEEL, 0.6), dark(STEEL, 0.4)))
    p.path(oval(402, 226, 42), dark(peg, 0.4))
    p.path(oval(398, 222, 42), p.glow(light(peg, 0.6), peg, dark(peg, 0.35), at=(0.36, 0.3, 0.8)))
