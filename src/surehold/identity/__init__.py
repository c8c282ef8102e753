"""Who is this: what a caller may show to prove it."""
