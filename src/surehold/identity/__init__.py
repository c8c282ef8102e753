"""Who is this: accounts and their proofs, sessions, roles, keys; what a caller may do."""
