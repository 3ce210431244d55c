"""Rule kinds and their settings, recipe reader, recipe files."""
