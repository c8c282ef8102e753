"""Money in and out: payments, what was asked of providers, refunds, and the ledger."""
