"""The interleaving explorer: real commands meet on real connections, one statement at a time.

Two or three actors, each with connections and lanes of its own, work on the same order and the
same stock. A scheduler lets one statement go at a time, chosen by chance from a seed, so a run
that breaks something can be had again exactly. Afterwards the store comes to rest and every
invariant, the provider's book and what the actors were told are compared.
"""
