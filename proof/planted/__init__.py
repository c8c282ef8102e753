"""Bugs that we planted ourselves, and the suite that must find each.

One file per bug: what it does in a sentence, a piece of the program and what stands there instead,
and the command that fails because of it. A proof that has never failed proves nothing.
"""
