"""Alarm load: annunciations from the journal, figures, and the targets of each edition."""
