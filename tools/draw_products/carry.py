"""Packs, bags and small leather."""

from .color import BRASS, COGNAC, GLOW, INK, OAT, SEA, TAN, dark, light
from .picture import Picture
from .shape import Point, box, curve, line, mirror, outline, oval


def _buckle(p: Picture, x: float, y: float, width: float = 34, height: float = 30) -> None:
    p.path(box(x - width / 2 + 2, y - height / 2 + 3, width, height, 6), INK, opacity=0.35)
    p.stroke(box(x - width / 2, y - height / 2, width, height, 6), dark(BRASS, 0.4), 7)
    p.stroke(box(x - width / 2 - 1, y - height / 2 - 1, width, height, 6), light(BRASS, 0.4), 3.5)


def day_pack(p: Picture, *, color: str = SEA, strap: str = TAN, backdrop: str = "sand") -> None:
    """A canvas rucksack with a lid, a front pocket and two leather straps."""
    p.studio(backdrop)
    cx = 400
    p.ground(cx, 852, 220)
    for side in (-1, 1):
        d = curve(
            [
                (cx + side * 120, 300),
                (cx + side * 230, 330),
                (cx + side * 268, 520),
                (cx + side * 222, 790),
            ]
        )
        p.stroke(d, dark(color, 0.6), 38)
        p.stroke(d, dark(color, 0.3), 26)
    loop = curve([(352, 218), (356, 150), (400, 128), (444, 150), (448, 218)])
    p.stroke(loop, dark(strap, 0.45), 24)
    p.stroke(loop, strap, 15)
    left = [(226, 330), (204, 470), (192, 640), (196, 780), (214, 842), (240, 856)]
    body = outline(
        [(574, 330), (500, 230), (400, 212), (300, 230), (226, 330)],
        left,
        [(240, 856), (400, 864), (560, 856)],
        mirror(left, cx),
    )
    p.path(
        body,
        p.across(dark(color, 0.1), light(color, 0.2), color, dark(color, 0.15), dark(color, 0.42)),
    )
    p.grain(body, "canvas", dark(color, 0.7), 0.4)
    with p.group(clip_path=p.clip(body)):
        p.soft(box(180, 800, 440, 80), INK, 0.4, radius=22)
        p.crease(curve([(238, 440), (222, 640), (236, 830)]), INK, 16, 0.3, radius=9)
        p.crease(curve([(562, 440), (578, 640), (564, 830)]), INK, 22, 0.35, radius=10)
    pocket = outline(
        [(256, 604), (400, 612), (544, 604)],
        [(544, 604), (552, 720), (546, 812)],
        [(546, 812), (520, 832), (400, 838), (280, 832), (254, 812)],
        [(254, 812), (248, 720), (256, 604)],
    )
    p.soft(pocket, INK, 0.5, radius=12)
    p.path(pocket, p.slant(light(color, 0.28), color, dark(color, 0.28), ends=(0, 0, 0.9, 1)))
    p.grain(pocket, "canvas", dark(color, 0.7), 0.4)
    p.stitch(
        curve([(268, 800), (290, 818), (400, 824), (510, 818), (532, 800)]),
        light(color, 0.55),
        2.5,
    )
    flap2 = outline(
        [(250, 596), (400, 604), (550, 596)],
        [(550, 596), (548, 650), (536, 672)],
        [(536, 672), (400, 684), (264, 672)],
        [(264, 672), (252, 650), (250, 596)],
    )
    p.soft(flap2, INK, 0.45, radius=9)
    p.path(flap2, p.down(light(color, 0.28), color))
    p.grain(flap2, "canvas", dark(color, 0.7), 0.4)
    lid = outline(
        [(222, 336), (240, 262), (300, 218), (400, 200), (500, 218), (560, 262), (578, 336)],
        [(578, 336), (584, 440), (570, 500)],
        [(570, 500), (500, 516), (400, 522), (300, 516), (230, 500)],
        [(230, 500), (216, 440), (222, 336)],
    )
    with p.group(clip_path=p.clip(body)):
        p.soft(lid, INK, 0.6, radius=14)
    p.path(
        lid,
        p.slant(light(color, 0.42), light(color, 0.06), dark(color, 0.28), ends=(0.1, 0, 0.8, 1)),
    )
    p.grain(lid, "canvas", dark(color, 0.7), 0.4)
    p.stitch(
        curve([(240, 486), (300, 500), (400, 506), (500, 500), (560, 486)]), light(color, 0.6), 2.5
    )
    p.crease(curve([(250, 330), (300, 270), (400, 246), (500, 270)]), GLOW, 14, 0.4, radius=8)
    for x in (310, 490):
        p.soft(box(x - 14, 430, 32, 190), INK, 0.4, radius=6)
        tab = outline(
            [(x - 15, 420), (x + 15, 420)],
            [(x + 15, 420), (x + 15, 590)],
            [(x + 15, 590), (x, 612), (x - 15, 590)],
            [(x - 15, 590), (x - 15, 420)],
        )
        p.path(tab, p.across(light(strap, 0.25), strap, dark(strap, 0.3)))
        p.grain(tab, "leather", dark(strap, 0.6), 0.3)
        _buckle(p, x, 552)
    p.path(box(366, 340, 68, 46, 5), p.slant(light(strap, 0.2), dark(strap, 0.15)))
    p.stitch(box(372, 346, 56, 34, 3), light(strap, 0.6), 2)


def weekender(
    p: Picture, *, color: str = "#5d6650", strap: str = COGNAC, backdrop: str = "clay"
) -> None:
    """A canvas holdall with leather handles and base."""
    p.studio(backdrop)
    p.ground(400, 826, 320, ry=36)
    back = curve([(300, 440), (310, 300), (400, 250), (490, 300), (500, 440)])
    p.stroke(back, dark(strap, 0.6), 22)
    body = outline(
        [(128, 520), (160, 452), (240, 424), (400, 416), (560, 424), (640, 452), (672, 520)],
        [(672, 520), (690, 640), (684, 780)],
        [(684, 780), (660, 824), (400, 834), (140, 824), (116, 780)],
        [(116, 780), (110, 640), (128, 520)],
    )
    p.path(body, p.slant(light(color, 0.34), color, dark(color, 0.36), ends=(0.15, 0, 0.75, 1)))
    p.grain(body, "canvas", dark(color, 0.75), 0.45)
    with p.group(clip_path=p.clip(body)):
        base = outline(
            [(90, 724), (400, 736), (710, 724)],
            [(710, 724), (710, 850)],
            [(710, 850), (90, 850)],
            [(90, 850), (90, 724)],
        )
        for d, w, o in (
            ([(180, 470), (210, 560), (196, 700)], 22, 0.25), ([(620, 470), (590, 560), (606, 700)], 26, 0.32),
            ([(360, 470), (380, 540), (372, 620)], 16, 0.15), ([(250, 620), (330, 660), (430, 650)], 20, 0.16),
        ):  # fmt: skip
            p.crease(curve(d), INK, w, o, radius=11)
        p.crease(curve([(230, 470), (250, 560), (238, 690)]), GLOW, 20, 0.35, radius=11)
        p.path(base, p.down(light(strap, 0.18), strap, dark(strap, 0.5)))
        p.grain(base, "leather", dark(strap, 0.7), 0.4)
        p.stitch(curve([(90, 738), (400, 750), (710, 738)]), light(strap, 0.6), 2.5)
        p.soft(box(90, 800, 620, 50), INK, 0.4, radius=14)
    for side in (-1, 1):
        x = 400 + side * 262
        patch = line([(x - 20, 520), (x + 20, 520), (x + 26, 730), (x - 26, 730)], closed=True)
        p.path(patch, p.across(light(strap, 0.2), strap, dark(strap, 0.3)))
        p.stroke(oval(x, 520, 22), dark(BRASS, 0.4), 9)
        p.stroke(oval(x - 1, 519, 22), light(BRASS, 0.4), 4)
    zip_line = curve([(176, 462), (260, 440), (400, 434), (540, 440), (624, 462)])
    p.stroke(zip_line, dark(color, 0.6), 18)
    p.stroke(zip_line, BRASS, 7, stroke_dasharray="4 4", stroke_linecap="butt")
    p.path(box(206, 446, 34, 15, 5), light(BRASS, 0.4), transform="rotate(-12 220 454)")
    front = [(282, 740), (288, 520), (310, 360), (400, 306), (490, 360), (512, 520), (518, 740)]
    p.crease(curve(front), INK, 26, 0.4, radius=7)
    p.stroke(curve(front), dark(strap, 0.45), 27)
    p.stroke(curve(front), strap, 20)
    p.stroke(curve([(x - 3, y) for x, y in front]), light(strap, 0.4), 4, opacity=0.7)
    p.stroke("M356 338Q400 282 444 338", dark(strap, 0.4), 34)
    p.stroke("M357 335Q400 279 442 335", light(strap, 0.08), 25)
    p.stitch("M358 343Q400 290 441 343", light(strap, 0.6), 2)


def tote(p: Picture, *, color: str = OAT, mark: str = SEA, backdrop: str = "sea") -> None:
    """A heavy cotton tote hanging on a peg."""
    p.wall(backdrop)
    bag = outline(
        [(206, 420), (300, 430), (400, 426), (500, 430), (594, 420)],
        [(594, 420), (604, 620), (598, 830)],
        [(598, 830), (580, 850), (500, 856), (400, 850), (300, 858), (220, 850), (202, 830)],
        [(202, 830), (196, 620), (206, 420)],
    )
    far = curve([(306, 440), (330, 300), (396, 190), (404, 190), (470, 300), (494, 440)])
    p.drop(bag, dx=26, dy=28, soft=18)
    p.stroke(far, INK, 24, opacity=0.25, transform="translate(18 18)", filter=p.blur(8))
    p.stroke(far, dark(color, 0.42), 28)
    p.path(bag, p.slant(light(color, 0.5), color, dark(color, 0.2), ends=(0, 0, 1, 1)))
    p.grain(bag, "canvas", dark(color, 0.6), 0.35)
    with p.group(clip_path=p.clip(bag)):
        for d, w, o in (
            ([(292, 430), (300, 560), (260, 700)], 26, 0.24), ([(508, 430), (500, 560), (540, 720)], 28, 0.26),
            ([(400, 430), (408, 500), (398, 560)], 18, 0.14), ([(210, 790), (320, 770), (430, 800)], 22, 0.16),
        ):  # fmt: skip
            p.crease(curve(d), INK, w, o, radius=13)
        p.soft(box(190, 820, 420, 50), INK, 0.25, radius=14)
        p.path("M190 424L610 424L610 470L190 470Z", GLOW, opacity=0.16)
    p.stitch(
        curve([(206, 468), (300, 476), (400, 472), (500, 476), (594, 468)]), dark(color, 0.4), 2.5
    )
    with p.group(
        stroke=mark, fill="none", stroke_width=13, stroke_linejoin="round", stroke_linecap="round"
    ):
        p.path(oval(400, 650, 92))
        p.path("M322 690L380 606L418 654L448 618L486 686")
    near = curve([(286, 500), (320, 320), (392, 200), (408, 200), (480, 320), (514, 500)])
    p.stroke(near, dark(color, 0.3), 32)
    p.stroke(near, light(color, 0.15), 25, transform="translate(-2 -1)")
    p.stitch(near, dark(color, 0.4), 2)
    for x in (286, 514):
        p.path(box(x - 17, 484, 34, 46, 3), light(color, 0.05))
        p.stroke(
            line([(x - 11, 490), (x + 11, 524), (x + 11, 490), (x - 11, 524), (x - 11, 490)]),
            dark(color, 0.45),
            2,
        )
    p.path(oval(408, 196, 34), INK, opacity=0.3, filter=p.blur(7))
    p.path(oval(400, 186, 32), p.glow("#f0dcb8", "#c79a68", "#8a6238", at=(0.36, 0.3, 0.8)))


def waxed_cover(
    p: Picture, *, color: str = "#8b6f47", strap: str = COGNAC, backdrop: str = "sage"
) -> None:
    """A waxed-cotton laptop cover, flap closed by a strap."""
    p.wall(backdrop)
    with p.group(transform="rotate(-7 400 500)"):
        body = box(120, 260, 560, 480, 26)
        p.drop(body, dx=20, dy=28)
        p.path(body, p.slant(light(color, 0.32), color, dark(color, 0.32), ends=(0, 0, 1, 1)))
        p.grain(body, "leather", light(color, 0.9), 0.16)
        p.grain(body, "canvas", dark(color, 0.7), 0.3)
        with p.group(clip_path=p.clip(body)):
            p.crease(
                curve([(110, 690), (300, 640), (520, 700), (700, 640)]), GLOW, 18, 0.26, radius=12
            )
            p.crease(curve([(130, 600), (260, 660), (420, 640)]), INK, 16, 0.2, radius=10)
        p.stitch(box(136, 276, 528, 448, 18), light(color, 0.55), 2.5)
        flap = outline(
            [(120, 290), (132, 264), (160, 256)],
            [(160, 256), (640, 256)],
            [(640, 256), (668, 264), (680, 290)],
            [(680, 290), (682, 440), (664, 486)],
            [(664, 486), (540, 530), (400, 540), (260, 530), (136, 486)],
            [(136, 486), (118, 440), (120, 290)],
        )
        with p.group(clip_path=p.clip(body)):
            p.soft(flap, INK, 0.5, radius=14)
        p.path(
            flap,
            p.slant(
                light(color, 0.42), light(color, 0.05), dark(color, 0.22), ends=(0, 0, 0.9, 1)
            ),
        )
        p.grain(flap, "leather", light(color, 0.9), 0.2)
        p.grain(flap, "canvas", dark(color, 0.7), 0.3)
        p.crease(curve([(150, 360), (320, 330), (470, 390), (640, 340)]), GLOW, 18, 0.3, radius=12)
        p.stitch(
            curve([(140, 474), (260, 516), (400, 526), (540, 516), (660, 474)]),
            light(color, 0.6),
            2.5,
        )
        tab = outline(
            [(376, 440), (424, 440)],
            [(424, 440), (424, 620)],
            [(424, 620), (420, 644), (400, 652), (380, 644), (376, 620)],
            [(376, 620), (376, 440)],
        )
        p.soft(tab, INK, 0.5, radius=8)
        p.path(tab, p.across(light(strap, 0.28), strap, dark(strap, 0.3)))
        p.grain(tab, "leather", dark(strap, 0.7), 0.35)
        p.stitch(
            curve([(385, 450), (385, 616), (400, 640), (415, 616), (415, 450)]),
            light(strap, 0.6),
            2,
        )
        p.path(oval(401, 606, 15), INK, opacity=0.4)
        p.path(
            oval(400, 604, 14),
            p.glow(light(BRASS, 0.85), BRASS, dark(BRASS, 0.45), at=(0.36, 0.3, 0.8)),
        )


def card_wallet(p: Picture, *, color: str = TAN, backdrop: str = "mist") -> None:
    """A card wallet with two cards and a folded note showing."""
    p.wall(backdrop)
    with p.group(transform="translate(400 500) scale(1.2) rotate(9) translate(-400 -520)"):
        for y, x, tint in ((330, 236, SEA), (366, 228, "#d8ccb6")):
            card = box(x, y, 340, 220, 18)
            p.drop(card, dx=8, dy=10, soft=8, strength=0.2)
            p.path(card, p.slant(light(tint, 0.25), tint, dark(tint, 0.2)))
        body = outline(
            [(190, 430), (300, 424), (360, 424)],
            [(360, 424), (400, 452), (440, 424)],
            [(440, 424), (500, 424), (610, 430)],
            [(610, 430), (616, 560), (610, 690)],
            [(610, 690), (594, 706), (400, 710), (206, 706), (190, 690)],
            [(190, 690), (184, 560), (190, 430)],
        )
        p.drop(body, dx=18, dy=26)
        p.path(body, p.slant(light(color, 0.35), color, dark(color, 0.3), ends=(0, 0, 1, 1)))
        p.grain(body, "leather", dark(color, 0.7), 0.35)
        second = outline(
            [(188, 520), (300, 510), (500, 510), (612, 520)],
            [(612, 520), (614, 600), (610, 690)],
            [(610, 690), (594, 706), (400, 710), (206, 706), (190, 690)],
            [(190, 690), (186, 600), (188, 520)],
        )
        p.soft(second, INK, 0.5, radius=9)
        p.path(
            second,
            p.slant(light(color, 0.42), light(color, 0.04), dark(color, 0.26), ends=(0, 0, 1, 1)),
        )
        p.grain(second, "leather", dark(color, 0.7), 0.35)
        p.stroke(curve([(188, 520), (300, 510), (500, 510), (612, 520)]), light(color, 0.5), 3)
        p.stitch(
            curve(
                [
                    (204, 534),
                    (204, 680),
                    (216, 692),
                    (400, 696),
                    (584, 692),
                    (596, 680),
                    (596, 534),
                ]
            ),
            light(color, 0.7),
            3,
        )
        with p.group(
            opacity=0.55,
            stroke=dark(color, 0.5),
            fill="none",
            stroke_width=4,
            stroke_linejoin="round",
        ):
            p.path(oval(540, 646, 24))
            p.path("M520 656l14 -20l9 11l8 -9l12 17")


def pack_detail(p: Picture, *, color: str = SEA, strap: str = TAN) -> None:
    """The strap and buckle of the rucksack, close."""
    p.wall("sand")
    cloth = box(0, 0, 800, 1000)
    p.path(cloth, p.slant(light(color, 0.3), color, dark(color, 0.4)))
    p.grain(cloth, "canvas", dark(color, 0.8), 0.5)
    flap = (
        curve([(-20, 420), (200, 446), (400, 452), (600, 446), (820, 420)]) + "L820 -20L-20 -20Z"
    )
    p.soft(flap, INK, 0.6, radius=22)
    p.path(flap, p.slant(light(color, 0.4), light(color, 0.08), dark(color, 0.2)))
    p.grain(flap, "canvas", dark(color, 0.8), 0.5)
    for dy in (36, 50):
        p.stitch(
            curve(
                [
                    (-20, 420 - dy),
                    (200, 446 - dy),
                    (400, 452 - dy),
                    (600, 446 - dy),
                    (820, 420 - dy),
                ]
            ),
            light(color, 0.65),
            4,
        )
    p.crease(curve([(60, 1000), (140, 760), (110, 520)]), INK, 40, 0.3, radius=22)
    p.crease(curve([(700, 1000), (650, 800), (690, 560)]), INK, 46, 0.35, radius=22)
    tab = outline(
        [(330, -20), (470, -20)],
        [(470, -20), (470, 780)],
        [(470, 780), (456, 836), (400, 866), (344, 836), (330, 780)],
        [(330, 780), (330, -20)],
    )
    p.drop(tab, dx=20, dy=18, soft=14, strength=0.5)
    p.path(tab, p.across(light(strap, 0.1), light(strap, 0.32), strap, dark(strap, 0.35)))
    p.grain(tab, "leather", dark(strap, 0.8), 0.45)
    inner: list[Point] = [
        (350, 0),
        (350, 776),
        (362, 818),
        (400, 842),
        (438, 818),
        (450, 776),
        (450, 0),
    ]
    p.stitch(curve(inner), light(strap, 0.7), 4)
    for y in (660, 730):
        p.path(oval(400, y, 12, 14), dark(strap, 0.75))
        p.stroke(oval(400, y + 2, 13, 15), light(strap, 0.4), 2, opacity=0.6)
    frame = box(288, 470, 224, 150, 22)
    p.stroke(frame, INK, 34, opacity=0.45, transform="translate(10 14)", filter=p.blur(9))
    p.stroke(frame, dark(BRASS, 0.5), 36)
    p.stroke(frame, BRASS, 26, transform="translate(-2 -3)")
    p.stroke(frame, light(BRASS, 0.75), 7, transform="translate(-6 -8)", opacity=0.9)
    p.stroke("M400 476V622", INK, 26, opacity=0.4, filter=p.blur(6), transform="translate(8 6)")
    p.stroke("M400 470V618", dark(BRASS, 0.45), 24)
    p.stroke("M396 470V616", light(BRASS, 0.35), 11)
    keeper = box(312, 280, 176, 72, 12)
    p.drop(keeper, dx=8, dy=12, soft=8, strength=0.4)
    p.path(keeper, p.down(light(strap, 0.35), strap, dark(strap, 0.4)))
    p.grain(keeper, "leather", dark(strap, 0.8), 0.4)
