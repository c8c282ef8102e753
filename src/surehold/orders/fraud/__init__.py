"""What speaks against an order that was paid: signals, their points, and what was held for them.

Nothing is refused by a signal. Enough of them hold the order until a person has looked; the person
decides by the review of its payment. Who may read what is told of it is staff alone.
"""
