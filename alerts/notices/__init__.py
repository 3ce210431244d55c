"""Outbox, delivery channels and receipts of notices to people."""
