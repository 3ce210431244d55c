"""Detection benchmarks: figures on recorded data beside a simple baseline of the same run."""
