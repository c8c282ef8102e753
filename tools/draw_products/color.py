"""Colors of the series: a restrained palette, and how a color looks lit or in shadow."""

from typing import Final

INK: Final = "#14211f"  # what every shadow leans to: the brand green, almost black
GLOW: Final = "#fff7e8"  # what every light leans to: warm white

SEA: Final = "#2d6e6c"
DEEP: Final = "#1d4a4a"
MOSS: Final = "#5c6a45"
OAT: Final = "#e4d9c3"
CLAY: Final = "#b9694a"
RUST: Final = "#9c5133"
OCHRE: Final = "#c9963f"
BRASS: Final = "#c29a55"
COPPER: Final = "#b97650"
STEEL: Final = "#b4b9ba"
GRAPHITE: Final = "#33393b"
NAVY: Final = "#2b3d52"
OAK: Final = "#c79a68"
ASH: Final = "#dcbf95"
WALNUT: Final = "#7a4f35"
TAN: Final = "#b27a4b"
COGNAC: Final = "#8f5530"
LINEN: Final = "#d8ccb6"
TERRACOTTA: Final = "#c1714f"
SNOW: Final = "#f7f4ec"


def mix(one: str, other: str, share: float) -> str:
    """Return `one` with `share` (0 to 1) of `other` stirred in."""
    pairs = [(int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def dark(color: str, share: float) -> str:
    """Return the color in shadow."""
    return mix(color, INK, share)


def light(color: str, share: float) -> str:
    """Return the color in light."""
    return mix(color, GLOW, share)
