"""The reservation and payment protocol as a model, and its mutants: see docs/proof-model.md."""
