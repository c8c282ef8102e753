"""Transfers that are awaited, and what buyers show of them: files of strangers, for staff alone.

What is shown is never proof: money is proved by the bank's statement, which staff read.
"""
