"""Register of risk points, grading methods and causes; computes from its arguments."""
