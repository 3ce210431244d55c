"""Hidden dangers: kinds, evidence, proof of repair, major-danger criteria, photos, public reports."""
