"""Files of a data folder as a whole: locks of its processes."""
