"""Chairs, stools and tables."""

from .color import ASH, COGNAC, GLOW, INK, LINEN, OAK, WALNUT, dark, light
from .picture import Picture
from .shape import Point, box, curve, lathe, line, outline, oval


def _leg(p: Picture, a: Point, b: Point, wood: str, *, top: float = 13, foot: float = 9) -> None:
    """Draw a round tapered leg."""
    d = line(
        [(a[0] - top, a[1]), (a[0] + top, a[1]), (b[0] + foot, b[1]), (b[0] - foot, b[1])],
        closed=True,
    )
    p.path(d, p.across(light(wood, 0.3), wood, dark(wood, 0.45)))
    p.path(oval(b[0], b[1], foot, foot * 0.4), dark(wood, 0.4))


def slat_chair(p: Picture, *, wood: str = ASH, backdrop: str = "sea") -> None:
    """A dining chair with a curved back of turned spindles."""
    p.studio(backdrop, horizon=0.7)
    p.ground(400, 880, 190, ry=30, strength=0.45)
    for foot in ((262, 890), (548, 890), (318, 806), (500, 806)):
        p.ground(foot[0], foot[1], 24, ry=7)
    _leg(p, (340, 560), (318, 806), dark(wood, 0.25))
    _leg(p, (470, 560), (500, 806), dark(wood, 0.25))
    p.stroke("M328 720L496 720", dark(wood, 0.35), 11)
    posts = [(300, 250), (292, 400), (300, 560)]
    for cx in (0, 1):
        pts = [(800 - x, y) for x, y in posts] if cx else posts
        p.stroke(curve(pts), dark(wood, 0.4), 24)
        p.stroke(curve([(x - 2, y) for x, y in pts]), wood, 18)
        p.crease(curve([(x - 6, y) for x, y in pts]), light(wood, 0.7), 5, 0.8, radius=2)
    for x in (338, 369, 400, 431, 462):
        d = curve([(x, 236), (x * 0.96 + 16, 400), (x * 0.9 + 40, 570)])
        p.stroke(d, dark(wood, 0.4), 13)
        p.stroke(d, light(wood, 0.06), 8)
    rail = outline(
        [(262, 226), (300, 204), (400, 192), (500, 204), (538, 226)],
        [(538, 226), (544, 262), (530, 278)],
        [(530, 278), (480, 260), (400, 254), (320, 260), (270, 278)],
        [(270, 278), (256, 262), (262, 226)],
    )
    p.path(rail, p.slant(light(wood, 0.45), wood, dark(wood, 0.3), ends=(0.2, 0, 0.6, 1)))
    p.grain(rail, "wood", dark(wood, 0.6), 0.3)
    seat = outline(
        [(276, 560), (340, 546), (460, 546), (524, 560)],
        [(524, 560), (566, 610), (572, 640)],
        [(572, 640), (500, 664), (400, 670), (300, 664), (228, 640)],
        [(228, 640), (234, 610), (276, 560)],
    )
    _leg(p, (276, 650), (262, 890), wood, top=15)
    _leg(p, (524, 650), (548, 890), wood, top=15)
    p.stroke("M272 760L318 730M540 760L492 730", dark(wood, 0.25), 11)
    p.path(seat, dark(wood, 0.45), transform="translate(0 16)")
    p.path(seat, p.slant(light(wood, 0.5), wood, dark(wood, 0.12), ends=(0.2, 0, 0.7, 1)))
    with p.group(clip_path=p.clip(seat)):
        p.grain(seat, "wood", dark(wood, 0.6), 0.35)
        p.soft(oval(400, 596, 120, 30), dark(wood, 0.5), 0.35, radius=18)
        p.soft(box(290, 546, 220, 16), INK, 0.3, radius=8)


def lounge_chair(
    p: Picture, *, wood: str = WALNUT, hide: str = COGNAC, backdrop: str = "paper"
) -> None:
    """A low lounge chair: walnut frame, leather cushions, seen from the side and a little from the front."""
    p.studio(backdrop, horizon=0.68)
    p.ground(400, 836, 280, ry=30, strength=0.55)
    for x in (178, 612):
        p.ground(x, 836, 26, ry=8)
    # far frame
    far = dark(wood, 0.4)
    p.stroke(line([(330, 560), (300, 800)]), far, 20)
    p.stroke(line([(640, 540), (676, 800)]), far, 20)
    p.stroke(curve([(300, 532), (420, 512), (560, 512), (668, 520)]), far, 22)
    back = outline(
        [(470, 640), (560, 560), (640, 380), (676, 248)],
        [(676, 248), (692, 226), (724, 236)],
        [(724, 236), (732, 262), (700, 420), (640, 600), (566, 690)],
        [(566, 690), (500, 700), (470, 640)],
    )
    p.path(back, p.slant(light(hide, 0.3), hide, dark(hide, 0.5), ends=(0, 0.2, 1, 0.6)))
    p.grain(back, "leather", dark(hide, 0.7), 0.3)
    with p.group(clip_path=p.clip(back)):
        for a, b in (((560, 470), (700, 520)), ((610, 350), (730, 386))):
            p.crease(line([a, b]), INK, 12, 0.55, radius=5)
            p.crease(line([(a[0], a[1] + 14), (b[0], b[1] + 14)]), GLOW, 8, 0.3, radius=4)
        p.crease(curve([(486, 640), (566, 560), (644, 384), (684, 246)]), GLOW, 12, 0.45, radius=6)
    seat = outline(
        [(150, 600), (170, 566), (220, 560), (400, 580), (540, 620)],
        [(540, 620), (580, 660), (560, 706)],
        [(560, 706), (420, 690), (260, 668), (168, 664)],
        [(168, 664), (142, 644), (150, 600)],
    )
    p.path(seat, p.slant(light(hide, 0.38), hide, dark(hide, 0.5), ends=(0.1, 0, 0.3, 1)))
    p.grain(seat, "leather", dark(hide, 0.7), 0.3)
    with p.group(clip_path=p.clip(seat)):
        p.crease(curve([(150, 616), (220, 590), (400, 610), (560, 650)]), GLOW, 9, 0.35, radius=5)
        p.crease(curve([(150, 640), (260, 640), (420, 660), (580, 690)]), INK, 26, 0.4, radius=10)
        p.crease(line([(340, 560), (326, 690)]), INK, 9, 0.45, radius=4)
    p.stitch(curve([(166, 606), (222, 578), (400, 598), (548, 636)]), light(hide, 0.5), 2.5)
    # near frame
    for d, width in (
        (line([(206, 560), (176, 832)]), 26),
        (line([(560, 566), (612, 832)]), 26),
        (curve([(190, 690), (320, 704), (460, 722), (590, 736)]), 24),
    ):
        p.stroke(d, dark(wood, 0.5), width)
        p.stroke(d, wood, width - 8, transform="translate(-2 -2)")
        p.stroke(d, light(wood, 0.4), 4, opacity=0.7, transform="translate(-6 -3)")
    arm = outline(
        [(136, 534), (160, 512), (300, 508), (480, 520), (640, 546)],
        [(640, 546), (656, 560), (640, 574)],
        [(640, 574), (480, 560), (300, 548), (160, 556)],
        [(160, 556), (136, 552), (136, 534)],
    )
    p.path(arm, p.down(light(wood, 0.4), wood, dark(wood, 0.45)))
    p.grain(arm, "wood", dark(wood, 0.7), 0.45)


def stool(p: Picture, *, wood: str = OAK, backdrop: str = "clay") -> None:
    """A three-legged stool with a dished seat."""
    p.studio(backdrop, horizon=0.69)
    p.ground(400, 868, 180, ry=30, strength=0.45)
    for foot in ((226, 880), (574, 880), (420, 800)):
        p.ground(foot[0], foot[1], 26, ry=8)
    _leg(p, (408, 470), (420, 800), dark(wood, 0.3), top=19, foot=13)
    p.stroke("M256 760L416 706M544 760L416 706", dark(wood, 0.4), 15)
    p.stroke("M256 756L416 702", light(wood, 0.1), 6)
    _leg(p, (300, 470), (226, 880), wood, top=21, foot=14)
    _leg(p, (500, 470), (574, 880), wood, top=21, foot=14)
    seat = lathe(400, [(424, 206), (440, 210)], [(440, 210), (470, 194)], squash=0.2)
    p.body(seat, wood)
    p.grain(seat, "wood", dark(wood, 0.6), 0.35)
    p.path(oval(400, 424, 206, 42), p.slant(light(wood, 0.5), wood, ends=(0, 0, 1, 0.6)))
    p.grain(oval(400, 424, 206, 42), "wood", dark(wood, 0.6), 0.45)
    p.soft(oval(410, 428, 140, 22), dark(wood, 0.5), 0.35, radius=12)
    for x, y in ((316, 420), (484, 420), (404, 402)):
        p.path(oval(x, y, 17, 5), dark(wood, 0.3))


def side_table(p: Picture, *, wood: str = WALNUT, backdrop: str = "sage") -> None:
    """A round side table with a raised edge, a book and a cup on it."""
    p.studio(backdrop, horizon=0.69)
    p.ground(400, 876, 160, ry=28, strength=0.45)
    for foot in ((270, 886), (530, 886), (410, 818)):
        p.ground(foot[0], foot[1], 20, ry=6)
    _leg(p, (404, 480), (410, 818), dark(wood, 0.35), top=14, foot=9)
    _leg(p, (300, 480), (270, 886), wood, top=17, foot=10)
    _leg(p, (500, 480), (530, 886), wood, top=17, foot=10)
    shelf = lathe(400, [(726, 118), (738, 118)], squash=0.2)
    p.body(shelf, dark(wood, 0.15))
    p.path(oval(400, 726, 118, 23), p.across(light(wood, 0.25), wood))
    edge = lathe(400, [(418, 246), (458, 244)], [(458, 244), (472, 230)], squash=0.2)
    p.body(edge, wood)
    p.grain(edge, "wood", dark(wood, 0.7), 0.4)
    p.path(oval(400, 418, 246, 49), light(wood, 0.3))
    top = oval(400, 424, 232, 43)
    p.path(top, p.slant(light(wood, 0.28), wood, dark(wood, 0.25), ends=(0, 0, 1, 1)))
    with p.group(clip_path=p.clip(top)):
        p.grain(top, "wood", dark(wood, 0.8), 0.55)
        p.soft(oval(360, 440, 130, 22), INK, 0.5, radius=10)
        p.soft(oval(534, 430, 54, 12), INK, 0.5, radius=7)
    for y, color in ((402, "#2d6e6c"), (374, "#d8ccb6")):
        p.path(box(226, y, 212, 30, 4), p.down(light(color, 0.2), dark(color, 0.25)))
        p.path(box(430, y + 5, 10, 20), "#f4ecdc")
    p.path(line([(226, 376), (262, 350), (468, 350), (438, 376)], closed=True), light(LINEN, 0.4))
    cup = lathe(516, [(352, 44), (420, 36)], squash=0.2)
    p.stroke(curve([(556, 370), (590, 366), (588, 398), (552, 404)]), "#8fa9a0", 10)
    p.body(cup, "#8fa9a0", "satin")
    p.path(oval(516, 352, 44, 9), "#b7cac2")
    p.path(oval(516, 354, 38, 7), "#3b2416")
