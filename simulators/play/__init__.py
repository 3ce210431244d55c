"""Players of scenarios and recordings: streams, publishers, load."""
