"""Closed loop of rectification tickets: steps, deadlines, closure predicates."""
