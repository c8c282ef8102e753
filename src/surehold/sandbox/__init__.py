"""Sandbox: a complete imaginary payment provider, so that everything works with no account.

It runs as its own process with its own book, and knows Surehold only through HTTP. It is the
demo shop's provider and the tests' adversary: see ``misbehave.py``. No real money can move here,
and it refuses to start in production.
"""
