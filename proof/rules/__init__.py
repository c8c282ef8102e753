"""One order in memory, its settlements in any order: known moves, and money that adds up."""
