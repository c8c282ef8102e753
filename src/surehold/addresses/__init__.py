"""How each country writes addresses and telephone numbers, and what may not be left out."""
