"""How many: stock levels, reservations, allocations.

available = on hand - allocated - reserved.
"""
