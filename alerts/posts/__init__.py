"""Responsibility by post: named persons and deputies, gaps, and the handover of a person who leaves."""
