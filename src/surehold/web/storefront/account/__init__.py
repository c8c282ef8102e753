"""The pages of a buyer's account: coming in, what it has, and what can be changed about it."""
