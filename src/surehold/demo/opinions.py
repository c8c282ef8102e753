"""What the demo's buyers say of what they bought: sentences that go with a kind of thing.

A review is a beginning, what is said of such a thing, and often an end; each by the stars.
"""

from __future__ import annotations

from random import Random
from typing import Final

from surehold.reviews.rules import Words

#: How many of a hundred give so many stars.
_STARS: Final = {5: 52, 4: 27, 3: 11, 2: 6, 1: 4}

_TITLES: Final = {
    5: (
        "Better than the pictures",
        "Would buy it again",
        "Just right",
        "Lovely, and it works",
        "Exactly what I wanted",
        "Made to be kept",
    ),
    4: ("Very good", "Nearly perfect", "Happy with it", "Good, one small thing"),
    3: ("It is all right", "Fine for the price", "Not quite what I expected"),
    2: ("I had hoped for more", "Nice idea, not for me"),
    1: ("Mine had a fault", "Sent it back"),
}

_BEGINNINGS: Final = {
    5: (
        "I have had the {thing} for a few weeks now, and would not want to be without.",
        "Bought as a present, and then I ordered a second one for myself.",
        "The {thing} came well packed, two days sooner than I thought.",
        "I looked for something like this for a long time.",
    ),
    4: (
        "The {thing} felt solid and well made from the first day.",
        "A good buy, and it looks the part.",
        "I like the {thing} more than I thought I would.",
    ),
    3: (
        "The {thing} did what I asked, no more.",
        "It is fine, but I had pictured it a little larger.",
    ),
    2: (
        "The {thing} looked better in the pictures than at my place.",
        "For this money I expected a cleaner finish.",
    ),
    1: (
        "The {thing} arrived with a scratch that nobody can have missed.",
        "Not as described, at least mine was not.",
    ),
}

#: What is said of a kind of thing by those who like it, and by those who do not.
_SAYINGS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "light": (
        (
            "The light is warm and does not glare, even when it stands right beside you.",
            "It makes the corner by the window the place where everybody sits.",
            "The switch has a good click, and the finish is even all over.",
        ),
        (
            "It is not bright enough to read by.",
            "The cord could be longer, and it hums a little.",
        ),
    ),
    "kitchen": (
        (
            "It sits well in the hand and washes up without a fuss.",
            "It has been through the kitchen every day and still looks new.",
            "The weight is right: heavy enough to stay put, light enough to lift when full.",
        ),
        (
            "It stains more easily than I would like.",
            "The edge was rough on one side.",
        ),
    ),
    "home": (
        (
            "The color is calmer than on the screen, and it goes with everything we have.",
            "You can see that somebody made it with care.",
            "It has changed the room more than its size would tell.",
        ),
        (
            "The color is rather different from the picture.",
            "It is smaller than it looks; do measure first.",
        ),
    ),
    "furniture": (
        (
            "It stands on our old floor without rocking, and guests always ask about it.",
            "The joints are clean and nothing creaks.",
            "Putting it together took ten minutes and no bad words.",
        ),
        (
            "One leg was a touch shorter than the others.",
            "Handsome, but nobody sits on it for a whole evening.",
        ),
    ),
    "camp": (
        (
            "It has been out in three days of rain and came home as it went.",
            "It goes on every walk with us now.",
            "It was easy to handle with cold fingers, which is all I ask.",
        ),
        (
            "It is heavier than it says.",
            "It works, but it takes some force to close.",
        ),
    ),
    "bags": (
        (
            "Everything has its place, and the leather gets better with each week.",
            "The straps do not cut in, even when it is full.",
            "The stitching is straight and tight where it matters.",
        ),
        (
            "The zip catches at one end.",
            "The color came off on a light shirt.",
        ),
    ),
    "wear": (
        (
            "It fits as the table says and has kept its shape in the wash.",
            "Warm without being thick, and it does not scratch.",
            "I wear it to work and on the hill.",
        ),
        (
            "It runs a size small, so order one up.",
            "A seam came loose after the second wash.",
        ),
    ),
    "desk": (
        (
            "It has its place on my desk and makes the morning a little better.",
            "It does one thing and does it well.",
            "It feels like something that will be here in ten years.",
        ),
        (
            "It arrived with a small dent in the corner.",
            "Nice to look at, not so nice to use all day.",
        ),
    ),
}
_ENDS: Final = {
    True: (
        "Shipping was quick and the box had no plastic in it.",
        "I would order here again.",
        "Recommended.",
        "",
        "",
    ),
    False: (
        "The shop answered the same day, I will say that.",
        "I have kept it all the same.",
        "",
    ),
}


def opinion(dice: Random, *, thing: str, categories: tuple[str, ...], author: str) -> Words:
    """What somebody says of a thing that stands on these shelves."""
    (stars,) = dice.choices(tuple(_STARS), tuple(_STARS.values()))
    kind = next((one for one in reversed(categories) if one in _SAYINGS), "home")
    good, bad = _SAYINGS[kind]
    is_happy = stars > 3
    short = thing.partition(",")[0].partition(" for ")[0].lower()
    said = [dice.choice(_BEGINNINGS[stars]).format(thing=short)]
    said.append(dice.choice(good if is_happy else bad))
    if stars == 4:
        said.append(
            f"One thing: {bad[-1][:1].lower()}{bad[-1][1:]}" if dice.random() < 0.4 else ""
        )
    said.append(dice.choice(_ENDS[is_happy]))
    body = " ".join(sentence for sentence in said if sentence)
    return Words(stars, dice.choice(_TITLES[stars]), body, author)
