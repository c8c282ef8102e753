"""What was promised: orders, their lines, and the history of their status."""
