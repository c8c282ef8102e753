"""Stored value: gift cards, and credit that a buyer has with the store.

One mechanism for both. A card has a balance in one currency, and every change of it is an entry
that is never changed. A code is money, so only its hash is kept. Store credit is a card that is
bound to an e-mail address and pays only for its orders.
"""
