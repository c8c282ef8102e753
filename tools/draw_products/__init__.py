"""Draws the demo shop's product pictures: `python -m tools.draw_products`."""
