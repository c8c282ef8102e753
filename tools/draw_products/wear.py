"""Jackets, knitwear, hats, socks and a watch."""

from .color import (
    BRASS,
    COGNAC,
    DEEP,
    GLOW,
    INK,
    MOSS,
    NAVY,
    OAK,
    OAT,
    RUST,
    SNOW,
    STEEL,
    dark,
    light,
)
from .picture import Picture
from .shape import Point, box, curve, line, mirror, on_circle, outline, oval


def watch(p: Picture, *, dial: str = DEEP, strap: str = COGNAC, backdrop: str = "paper") -> None:
    """A field watch from above: steel case, sea-green dial, leather strap."""
    p.wall(backdrop)
    _watch(p, dial, strap)


def _watch(p: Picture, dial: str, strap: str) -> None:
    cx, cy = 400, 500
    for d in (
        outline(
            [(322, 340), (330, 200), (344, 40), (352, -20)],
            [(352, -20), (448, -20)],
            [(448, -20), (456, 40), (470, 200), (478, 340)],
            [(478, 340), (322, 340)],
        ),
        outline(
            [(322, 660), (330, 800), (344, 960), (352, 1020)],
            [(352, 1020), (448, 1020)],
            [(448, 1020), (456, 960), (470, 800), (478, 660)],
            [(478, 660), (322, 660)],
        ),
    ):
        p.drop(d, dx=24, dy=14, soft=16, strength=0.4)
        p.path(d, p.across(dark(strap, 0.2), light(strap, 0.22), strap, dark(strap, 0.4)))
        p.grain(d, "leather", dark(strap, 0.7), 0.3)
    for side in (-1, 1):
        p.stitch(line([(400 + side * 62, 330), (400 + side * 40, -10)]), light(strap, 0.6), 3.5)
        p.stitch(line([(400 + side * 62, 670), (400 + side * 40, 1010)]), light(strap, 0.6), 3.5)
    for y in (820, 880, 940):
        p.path(oval(cx, y, 9, 11), dark(strap, 0.75))
    lug = outline(
        [(300, 330), (316, 296), (344, 292), (350, 340)],
        [(350, 340), (450, 340)],
        [(450, 340), (456, 292), (484, 296), (500, 330)],
        [(500, 330), (540, 420), (540, 580), (500, 670)],
        [(500, 670), (484, 704), (456, 708), (450, 660)],
        [(450, 660), (350, 660)],
        [(350, 660), (344, 708), (316, 704), (300, 670)],
        [(300, 670), (260, 580), (260, 420), (300, 330)],
    )
    p.drop(oval(cx, cy, 178), dx=28, dy=34, soft=18, strength=0.4)
    p.path(box(566, 474, 34, 52, 8), p.down(light(STEEL, 0.7), STEEL, dark(STEEL, 0.5)))
    p.stroke("M574 482V518M582 480V520M590 482V518", dark(STEEL, 0.6), 2.5)
    p.path(
        lug,
        p.slant(light(STEEL, 0.8), STEEL, dark(STEEL, 0.35), light(STEEL, 0.4), dark(STEEL, 0.4)),
    )
    p.path(
        oval(cx, cy, 178),
        p.slant(light(STEEL, 0.9), STEEL, dark(STEEL, 0.5), light(STEEL, 0.5), dark(STEEL, 0.5)),
    )
    p.stroke(oval(cx, cy, 170), "#ffffff", 2.5, opacity=0.7)
    p.path(oval(cx, cy, 158), dark(STEEL, 0.65))
    face = oval(cx, cy, 151)
    p.path(face, p.glow(light(dial, 0.28), dial, dark(dial, 0.5), at=(0.38, 0.32, 0.75)))
    minutes = "".join(
        line([on_circle(cx, cy, 144, k * 6), on_circle(cx, cy, 136, k * 6)])
        for k in range(60)
        if k % 5
    )
    hours = "".join(
        line([on_circle(cx, cy, 142, k * 30), on_circle(cx, cy, 116, k * 30)])
        for k in range(12)
        if k % 3
    )
    p.stroke(minutes, OAT, 2, stroke_linecap="butt", opacity=0.8)
    p.stroke(hours, SNOW, 7, stroke_linecap="butt")
    for degrees in (90, 180, 270):
        p.stroke(
            line([on_circle(cx, cy, 141, degrees), on_circle(cx, cy, 104, degrees)]),
            SNOW,
            12,
            stroke_linecap="butt",
        )
    p.path(line([(cx - 18, 362), (cx + 18, 362), (cx, 398)], closed=True), SNOW)
    p.stroke("M366 440l22 -32l14 18l12 -14l18 26", OAT, 4, opacity=0.85)
    for degrees, length, width in ((306, 78, 13), (62, 118, 9)):
        tip = on_circle(cx, cy, length, degrees)
        p.stroke(
            line([(cx, cy), tip]),
            INK,
            width,
            opacity=0.5,
            transform="translate(5 7)",
            filter=p.blur(3),
        )
        p.stroke(line([(cx, cy), tip]), light(STEEL, 0.5), width)
        p.stroke(
            line(
                [
                    on_circle(cx, cy, length * 0.4, degrees),
                    on_circle(cx, cy, length * 0.94, degrees),
                ]
            ),
            SNOW,
            width * 0.5,
        )
    p.stroke(line([on_circle(cx, cy, 34, 36), on_circle(cx, cy, 132, 216)]), "#e0733c", 3.5)
    p.path(oval(cx, cy, 9), "#e0733c")
    p.path(oval(cx, cy, 4), INK)
    with p.group(clip_path=p.clip(face)):
        p.stroke(oval(cx - 3, cy - 6, 157), INK, 18, opacity=0.5, filter=p.blur(7))
        p.path(
            line([(230, 520), (420, 330), (490, 330), (250, 590)], closed=True),
            "#ffffff",
            opacity=0.13,
        )


def watch_close(p: Picture) -> None:
    """The dial and the crown, close."""
    p.wall("sand")
    with p.group(transform="rotate(-16 400 500) translate(-560 -560) scale(2.2)"):
        _watch(p, DEEP, COGNAC)


def _hanger(p: Picture, y: float) -> None:
    p.stroke(
        curve([(400, y + 60), (400, y + 24), (420, y), (410, y - 28), (386, y - 22)]),
        dark(STEEL, 0.4),
        8,
    )
    bar = curve([(288, y + 118), (330, y + 96), (400, y + 66), (470, y + 96), (512, y + 118)])
    p.stroke(bar, dark(OAK, 0.45), 22)
    p.stroke(bar, OAK, 14, transform="translate(-1 -3)")


def _coat(color: str) -> tuple[str, str, str]:
    return light(color, 0.26), color, dark(color, 0.34)


def field_jacket(
    p: Picture, *, color: str = MOSS, lining: str = "#c9b48a", backdrop: str = "paper"
) -> None:
    """A four-pocket waxed-cotton jacket on a hanger, corduroy collar."""
    p.wall(backdrop)
    cx, cord = 400, dark(color, 0.42)
    _hanger(p, 116)
    sleeve: list[Point] = [(306, 205), (250, 224), (206, 280), (176, 420), (150, 600), (138, 742)]
    inner: list[Point] = [(214, 756), (240, 640), (262, 520), (276, 400)]
    for side in (0, 1):
        outer = [(800 - x, y) for x, y in sleeve] if side else sleeve
        under = [(800 - x, y) for x, y in inner] if side else inner
        d = outline(
            outer,
            [outer[-1], ((outer[-1][0] + under[0][0]) / 2, 764), under[0]],
            under,
            [under[-1], outer[0]],
        )
        p.drop(d, dx=22, dy=20, soft=14, strength=0.26)
        p.path(
            d,
            p.across(*_coat(color))
            if not side
            else p.across(color, dark(color, 0.2), dark(color, 0.45)),
        )
        p.grain(d, "canvas", dark(color, 0.8), 0.35)
        with p.group(clip_path=p.clip(d)):
            x0, half = (160, 50) if not side else (640, -50)
            folds = "".join(f"M{x0} {y}q{half} 44 {2 * half} -8" for y in (460, 500, 548))
            p.crease(folds, INK, 12, 0.3, radius=6)
            cuff = [(130, 706), (180, 722), (236, 712)]
            p.stroke(curve([(800 - x, y) for x, y in cuff] if side else cuff), dark(color, 0.5), 5)
    left: list[Point] = [
        (346, 196),
        (310, 205),
        (262, 238),
        (264, 340),
        (270, 460),
        (262, 640),
        (246, 836),
    ]
    hem: list[Point] = [(246, 836), (320, 852), (400, 856), (480, 852), (554, 836)]
    body = outline(left, hem, mirror(left, cx), [(454, 196), (400, 250), (346, 196)])
    p.drop(body, dx=24, dy=26, soft=18, strength=0.3)
    p.path(
        body,
        p.across(
            dark(color, 0.12), light(color, 0.2), color, dark(color, 0.08), dark(color, 0.38)
        ),
    )
    p.grain(body, "canvas", dark(color, 0.8), 0.35)
    with p.group(clip_path=p.clip(body)):
        for fold, w, o in (
            ([(268, 300), (300, 420), (290, 560)], 18, 0.3), ([(534, 300), (506, 420), (514, 560)], 20, 0.34),
        ):  # fmt: skip
            p.crease(curve(fold), INK, w, o, radius=10)
        p.crease(curve([(310, 280), (330, 400), (322, 520)]), GLOW, 18, 0.3, radius=10)
        p.soft(box(230, 812, 340, 50), INK, 0.25, radius=12)
    p.stitch(
        curve([(250, 820), (320, 836), (400, 840), (480, 836), (550, 820)]), light(color, 0.4), 2.5
    )
    placket = "M400 250L404 856M378 262L382 854"
    p.stroke("M404 256L406 856", INK, 9, opacity=0.4, filter=p.blur(5))
    p.stroke(placket, dark(color, 0.5), 3)
    studs = (330, 430, 530, 630, 730)
    p.path("".join(oval(394, y + 3, 9) for y in studs), INK, opacity=0.5)
    for y in studs:
        p.path(oval(392, y, 9), p.slant(light(BRASS, 0.7), dark(BRASS, 0.3)))
    for x, y, w, h, shift in ((290, 400, 74, 84, 146), (274, 610, 92, 136, 160)):
        pocket = box(x, y, w, h, 8)
        flap = line(
            [
                (x - 4, y - 6),
                (x + w + 4, y - 6),
                (x + w + 4, y + h * 0.24),
                (x + w / 2, y + h * 0.38),
                (x - 4, y + h * 0.24),
            ],
            closed=True,
        )
        for dx in (0, shift):
            with p.group(transform=f"translate({dx})"):
                p.soft(pocket, INK, 0.4, radius=6)
                p.path(pocket, p.slant(light(color, 0.2), color, dark(color, 0.22)))
                p.stitch(pocket, light(color, 0.35), 2)
                p.soft(flap, INK, 0.45, radius=6)
                p.path(flap, p.down(light(color, 0.28), color))
                p.path(
                    oval(x + w / 2, y + h * 0.22, 6), p.slant(light(BRASS, 0.7), dark(BRASS, 0.3))
                )
    neck = outline(
        [(346, 204), (370, 186), (400, 182), (430, 186), (454, 204)],
        [(454, 204), (400, 254)],
        [(400, 254), (346, 204)],
    )
    p.path(neck, p.down(dark(lining, 0.5), lining))
    p.path(box(380, 200, 40, 20, 3), SNOW)
    wing: list[Point] = [(352, 176), (326, 206), (330, 270), (358, 306)]
    for side in (0, 1):
        a = [(800 - x, y) for x, y in wing] if side else wing
        tip = (404, 262) if not side else (396, 262)
        top = (372, 190) if not side else (428, 190)
        d = outline(a, [a[-1], tip], [tip, top], [top, a[0]])
        p.soft(d, INK, 0.5, radius=7)
        p.path(d, p.across(light(cord, 0.2), cord, dark(cord, 0.3)))
        with p.group(clip_path=p.clip(d)):
            ribs = "".join(
                f"M{x} 160l{20 if not side else -20} 160"
                for x in range(304 + 90 * side, 400 + 100 * side, 9)
            )
            p.stroke(ribs, INK, 3, opacity=0.4)


def jacket_detail(p: Picture, *, color: str = MOSS) -> None:
    """Pocket, stud and corduroy, close."""
    p.wall("paper")
    cord = dark(color, 0.42)
    p.path(box(0, 0, 800, 1000), p.slant(light(color, 0.3), color, dark(color, 0.4)))
    p.grain(box(0, 0, 800, 1000), "canvas", dark(color, 0.8), 0.45)
    p.crease(curve([(700, 0), (640, 300), (720, 700), (660, 1000)]), INK, 60, 0.35, radius=28)
    pocket = box(110, 480, 500, 640, 30)
    p.soft(pocket, INK, 0.5, radius=20)
    p.path(pocket, p.slant(light(color, 0.24), color, dark(color, 0.25)))
    p.grain(pocket, "canvas", dark(color, 0.8), 0.4)
    for k in (18, 34):
        p.stitch(box(110 + k, 480 + k, 500 - 2 * k, 640, 24), light(color, 0.42), 4)
    flap = outline(
        [(96, 400), (360, 408), (624, 400)],
        [(624, 400), (628, 560), (620, 640)],
        [(620, 640), (500, 690), (360, 730)],
        [(360, 730), (220, 690), (100, 640)],
        [(100, 640), (92, 560), (96, 400)],
    )
    p.soft(flap, INK, 0.6, radius=20)
    p.path(flap, p.down(light(color, 0.34), color, dark(color, 0.1)))
    p.grain(flap, "canvas", dark(color, 0.8), 0.45)
    for k in (16, 32):
        p.stitch(
            curve(
                [
                    (100 + k, 640 - k * 0.7),
                    (220, 690 - k),
                    (360, 728 - k * 1.06),
                    (500, 690 - k),
                    (620 - k, 640 - k * 0.7),
                ]
            ),
            light(color, 0.45),
            4,
        )
    p.crease(curve([(140, 450), (300, 500), (470, 440), (600, 480)]), GLOW, 30, 0.25, radius=18)
    p.path(oval(368, 622, 44), INK, opacity=0.5, filter=p.blur(8))
    p.path(oval(360, 610, 42), p.slant(light(BRASS, 0.85), BRASS, dark(BRASS, 0.5)))
    p.path(oval(360, 610, 30), p.slant(dark(BRASS, 0.3), light(BRASS, 0.4)))
    p.stroke("M342 622l12 -17l8 10l7 -8l10 15", dark(BRASS, 0.55), 4)
    wing = outline(
        [(-20, -20), (800, -20)],
        [(800, -20), (560, 200), (430, 330)],
        [(430, 330), (220, 290), (-20, 190)],
        [(-20, 190), (-20, -20)],
    )
    p.soft(wing, INK, 0.6, radius=24)
    p.path(wing, p.slant(light(cord, 0.25), cord, dark(cord, 0.35)))
    with p.group(clip_path=p.clip(wing)):
        ribs = "".join(f"M{x} -30l190 380" for x in range(-240, 840, 22))
        p.stroke(ribs, INK, 7, opacity=0.45)
        p.stroke(ribs, light(cord, 0.4), 4, opacity=0.35, transform="translate(-7 0)")


def _knit(p: Picture, x0: int, x1: int, y0: int, y1: int, color: str, *, step: int = 22) -> None:
    """Draw columns of knit stitches."""
    down = "".join(f"M{x} {y0}V{y1}" for x in range(x0, x1, step))
    p.stroke(down, dark(color, 0.5), 2.5, opacity=0.35)
    left = "".join(f"M{x + step // 4} {y0}V{y1}" for x in range(x0, x1, step))
    p.stroke(
        left,
        light(color, 0.45),
        step * 0.34,
        stroke_dasharray="7 6",
        stroke_linecap="butt",
        opacity=0.32,
    )
    p.stroke(
        left,
        light(color, 0.3),
        step * 0.34,
        stroke_dasharray="7 6",
        stroke_dashoffset=6,
        stroke_linecap="butt",
        opacity=0.28,
        transform=f"translate({step // 2} 0)",
    )


def beanie(p: Picture, *, color: str = RUST, backdrop: str = "mist") -> None:
    """A ribbed wool beanie with a deep cuff."""
    p.wall(backdrop)
    crown = outline(
        [
            (196, 600),
            (186, 470),
            (226, 340),
            (310, 258),
            (400, 236),
            (490, 258),
            (574, 340),
            (614, 470),
            (604, 600),
        ],
        [(604, 600), (400, 622), (196, 600)],
    )
    cuff = outline(
        [(176, 584), (300, 606), (400, 610), (500, 606), (624, 584)],
        [(624, 584), (636, 660), (624, 744)],
        [(624, 744), (500, 770), (400, 774), (300, 770), (176, 744)],
        [(176, 744), (164, 660), (176, 584)],
    )
    p.drop(crown, dx=18, dy=20)
    p.drop(cuff, dx=18, dy=24)
    p.path(crown, p.glow(light(color, 0.3), color, dark(color, 0.5), at=(0.36, 0.36, 0.75)))
    with p.group(clip_path=p.clip(crown)):
        for k in range(-6, 7):
            x = 400 + k * 34
            d = curve([(x, 620), (400 + k * 33, 470), (400 + k * 23, 330), (400 + k * 5, 228)])
            p.stroke(d, dark(color, 0.55), 9, opacity=0.5)
            p.stroke(
                d,
                light(color, 0.35),
                7,
                opacity=0.35,
                stroke_dasharray="8 5",
                transform="translate(-13 0)",
                stroke_linecap="butt",
            )
        p.grain(crown, "wool", dark(color, 0.7), 0.3)
        p.soft(box(160, 560, 480, 60), INK, 0.45, radius=16)
        p.soft(oval(640, 500, 70, 200), INK, 0.4, radius=40)
    p.path(cuff, p.across(dark(color, 0.15), light(color, 0.3), color, dark(color, 0.5)))
    with p.group(clip_path=p.clip(cuff)):
        ribs = "".join(f"M{x} 570q{(x - 400) // 24} 100 0 220" for x in range(170, 640, 30))
        p.stroke(ribs, dark(color, 0.55), 10, opacity=0.5)
        p.stroke(
            ribs,
            light(color, 0.4),
            9,
            opacity=0.4,
            stroke_dasharray="9 5",
            stroke_linecap="butt",
            transform="translate(-15 0)",
        )
        p.grain(cuff, "wool", dark(color, 0.7), 0.3)
        p.soft(box(150, 744, 500, 40), INK, 0.4, radius=12)
    p.path(box(362, 652, 76, 54, 5), INK, opacity=0.35, transform="translate(3 5)")
    p.path(box(362, 652, 76, 54, 5), p.slant("#c18a58", COGNAC))
    p.stroke("M380 692l12 -17l8 10l7 -8l10 15", dark(COGNAC, 0.5), 3.5)


def socks(
    p: Picture, *, color: str = "#7f8f8a", heel: str = "#e4d9c3", backdrop: str = "sand"
) -> None:
    """A pair of ribbed hiking socks."""
    p.wall(backdrop)
    sock = outline(
        [(236, 176), (300, 168), (372, 176)],
        [(372, 176), (376, 320), (370, 460), (384, 560)],
        [(384, 560), (440, 630), (520, 690), (576, 750)],
        [(576, 750), (596, 800), (560, 842), (500, 836), (400, 790), (290, 720)],
        [(290, 720), (236, 670), (230, 590), (240, 460), (236, 320), (236, 176)],
    )
    for dx, dy, turned in ((128, -34, 8), (-26, 46, -2)):
        tint = dark(color, 0.1) if dx > 0 else color
        with p.group(transform=f"translate({dx} {dy}) rotate({turned} 400 500)"):
            p.drop(sock, dx=16, dy=22, soft=14, strength=0.3)
            p.path(sock, p.slant(light(tint, 0.35), tint, dark(tint, 0.28), ends=(0, 0.2, 1, 0.7)))
            with p.group(clip_path=p.clip(sock)):
                _knit(p, 236, 376, 160, 480, tint, step=20)
                p.path(oval(250, 690, 84, 80), p.slant(light(heel, 0.3), dark(heel, 0.15)))
                p.path(oval(574, 812, 84, 92), p.slant(light(heel, 0.3), dark(heel, 0.15)))
                p.path(box(220, 150, 170, 52), light(heel, 0.1))
                p.path("M220 226h170v12h-170ZM220 250h170v12h-170Z", heel)
                p.grain(sock, "wool", dark(tint, 0.7), 0.32)
                ribs = "".join(f"M{x} 160V206" for x in range(240, 380, 13))
                p.stroke(ribs, dark(heel, 0.4), 3, opacity=0.6)
                p.crease(curve([(366, 480), (330, 560), (250, 600)]), INK, 16, 0.28, radius=9)
                p.crease(curve([(380, 560), (330, 610), (300, 640)]), INK, 12, 0.25, radius=8)
                p.soft(
                    curve([(560, 850), (400, 800), (280, 730), (230, 640)]), INK, 0.25, radius=16
                )
                p.crease(curve([(256, 300), (258, 460), (250, 580)]), GLOW, 18, 0.35, radius=10)


def sweater(p: Picture, *, color: str = NAVY, backdrop: str = "clay") -> None:
    """A fisherman's sweater, folded flat with its sleeves spread."""
    p.wall(backdrop)
    cx = 400
    sleeve: list[Point] = [(300, 212), (248, 232), (196, 296), (150, 430), (108, 600), (84, 736)]
    inner: list[Point] = [(170, 766), (216, 640), (250, 540), (268, 440)]
    left: list[Point] = [
        (330, 204),
        (304, 211),
        (264, 246),
        (268, 360),
        (268, 520),
        (264, 700),
        (262, 800),
    ]
    body = outline(
        left,
        [(262, 800), (400, 812), (538, 800)],
        mirror(left, cx),
        [(470, 206), (400, 236), (330, 206)],
    )
    for side in (0, 1):
        outer = [(800 - x, y) for x, y in sleeve] if side else sleeve
        under = [(800 - x, y) for x, y in inner] if side else inner
        d = outline(outer, [outer[-1], under[0]], under, [under[-1], outer[0]])
        p.drop(d, dx=18, dy=20, soft=14, strength=0.28)
        p.path(
            d,
            p.across(light(color, 0.25), color, dark(color, 0.2))
            if not side
            else p.across(color, dark(color, 0.2), dark(color, 0.4)),
        )
        with p.group(clip_path=p.clip(d)):
            slope = -1 if not side else 1
            columns = "".join(
                f"M{(250 if not side else 550) + slope * (k * 20 - 60)} 220l{slope * 110} 560"
                for k in range(10)
            )
            p.stroke(
                columns,
                light(color, 0.35),
                8,
                stroke_dasharray="8 6",
                stroke_linecap="butt",
                opacity=0.35,
            )
            p.grain(d, "wool", dark(color, 0.8), 0.3)
            cuff = line(
                [
                    outer[-1],
                    (outer[-1][0] + slope * -14, 678),
                    (under[0][0] + slope * -22, 700),
                    under[0],
                ],
                closed=True,
            )
            p.path(cuff, dark(color, 0.25), opacity=0.7)
            p.crease(curve([under[-1], under[-2], under[-3]]), INK, 18, 0.4, radius=9)
    p.drop(body, dx=20, dy=24, soft=16, strength=0.3)
    p.path(
        body,
        p.across(dark(color, 0.1), light(color, 0.2), color, dark(color, 0.08), dark(color, 0.36)),
    )
    with p.group(clip_path=p.clip(body)):
        _knit(p, 250, 550, 200, 740, color, step=18)
        for x in (330, 400, 470):
            for s in (1, -1):
                rope = curve(
                    [(x + s * 13 * (1 if k % 2 else -1), 420 + k * 32) for k in range(11)]
                )
                p.stroke(rope, dark(color, 0.55), 13)
                p.stroke(rope, light(color, 0.24), 8)
        p.path(box(250, 396, 300, 12), dark(color, 0.35))
        p.path(box(240, 742, 320, 80), dark(color, 0.22), opacity=0.8)
        ribs = "".join(f"M{x} 746V820" for x in range(262, 545, 14))
        p.stroke(ribs, light(color, 0.35), 5, opacity=0.45)
        p.grain(body, "wool", dark(color, 0.8), 0.3)
        for fold, w, o in (
            ([(268, 300), (296, 420), (286, 560)], 18, 0.3),
            ([(532, 300), (504, 420), (514, 560)], 20, 0.34),
        ):
            p.crease(curve(fold), INK, w, o, radius=10)
    p.path(
        outline([(344, 180), (400, 170), (456, 180)], [(456, 180), (400, 226), (344, 180)]),
        dark(color, 0.6),
    )
    collar = outline(
        [(318, 214), (328, 186), (346, 176)],
        [(346, 176), (362, 196), (400, 212), (438, 196), (454, 176)],
        [(454, 176), (472, 186), (482, 214)],
        [(482, 214), (448, 250), (400, 264), (352, 250), (318, 214)],
    )
    p.path(collar, p.down(light(color, 0.2), color))
    with p.group(clip_path=p.clip(collar)):
        ribs = "".join(f"M{x} 170L{400 + (x - 400) * 0.7:.0f} 270" for x in range(310, 500, 13))
        p.stroke(ribs, dark(color, 0.5), 4, opacity=0.6)
