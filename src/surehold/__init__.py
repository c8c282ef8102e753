"""Surehold: the transactional core of an online store."""
