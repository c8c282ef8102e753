"""Generated carts: thousands of random orders, each followed to its end by a bookkeeper.

A store is made by its seed: goods, places, prices, taxes, shipping, promotions and coupons. Each
cart is quoted, placed, and then paid, canceled, refunded, sent and returned in a random order with
the commands that everybody uses. After each step the order is read back whole and added up anew,
by code that shares nothing with the store's own, and must have changed by exactly what was asked.
"""
