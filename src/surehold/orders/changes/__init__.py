"""Placed orders that are changed before they are sent: units given up, lines added.

What a change adds and gives up is worked out once, at that moment's prices, and never again. Where
the order owes nothing more for it, it is applied at once; else its lines are held until the
difference is paid, and the order stays as it was if nobody pays.
"""
