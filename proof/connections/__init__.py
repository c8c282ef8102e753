"""What the program does when the way to PostgreSQL, or PostgreSQL itself, fails it.

Rows D1, D2, D4, D11, D12, D13 and C7 of the faults. ``scenes`` is what is asked of a shop,
``explore`` asks it once per place where something can go wrong, ``inject`` and ``proxy`` make it
go wrong there, ``starve`` makes the database slow, silent or full, and ``postmaster`` kills it.
"""
