"""Disputes: a buyer's bank takes money back, for now or for good."""
