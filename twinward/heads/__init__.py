"""Signed heads of logs and journal: kept elsewhere, they prove that no end was cut off or rewritten."""
