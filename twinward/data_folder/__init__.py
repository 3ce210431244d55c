"""Files of a data folder as a whole: locks of its processes, and whether its files belong together."""
