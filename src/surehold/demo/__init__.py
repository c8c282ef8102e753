"""The demo shop: its catalog, its pictures and how they get into a database."""
