"""Orders that staff compose for a buyer: on the telephone, by mail, at a fair.

A draft promises nothing and holds nothing. It is priced by the pricing room whenever it is looked
at; what staff set themselves (a price, shipping, something off) is part of it, with the reason and
with whoever wrote it in its history. It becomes one order at most, in the placing lane, by the
payment link that was made for its buyer or by staff.
"""
