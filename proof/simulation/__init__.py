"""A store that lives through weeks in a minute, with everything going wrong that can.

Seeded actors use the real commands on the real database, from several processes at once, while
answers are lost, connections break, processes die and the clock jumps. What every client was told
is written down; when all is at rest, the store and the provider are held to it.

The same seed draws the same intentions in the same order. How they interleave is up to the
machine, so a violation comes with the statements that led to it, not with its seed alone.
"""
