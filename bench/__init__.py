"""How fast the checkout is, against the best that SQL alone does with the same rows."""
