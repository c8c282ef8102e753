"""Who is told: one mail for each fact that somebody should know of, sent until it was."""
