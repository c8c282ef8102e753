"""Values that every room speaks in: money, ids, states, errors, time. No input or output."""
