"""Proof before paging: gate, score sheets, and the guard around plug-ins."""
