"""What of sales is the vendors': commission, statements, and payouts in batches."""
