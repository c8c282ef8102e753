"""Generated input: what nobody would type, sent to everything that reads it.

``api`` asks the JSON side by its own document, ``webhooks`` forges what payment providers send.
Both start a shop of real processes and leave nothing running.
"""
