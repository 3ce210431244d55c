"""Series of readings: facts of the sensors, tables of series, views of batches, and columns of state."""
