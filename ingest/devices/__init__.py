"""State per device: ledger, accounting, sequence gaps, clock offset and drift."""
