"""How documents look: as PDF, and as a page that prints, from the same text in five languages."""
