"""Whether the cost of the same work stays flat as a store grows tenfold."""
