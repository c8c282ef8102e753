"""What is written down of an order: its invoice, its packing slip, its credit notes.

A document is a copy made at an instant, and never changes. Its number follows the one before it
in its series without a gap. Documents follow the ledger: a sale has an invoice, and a refund of
what was sold has a credit note. Money that came twice, or too late, was never invoiced; it goes
back without a note.
"""
