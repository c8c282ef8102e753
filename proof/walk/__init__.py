"""Provider events, delivered anyhow: the books end as if told once and in order."""
