"""Providers' settlement reports beside the books: what matches, what differs, what they keep."""
