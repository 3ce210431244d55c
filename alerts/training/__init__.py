"""Lessons and drills by post: records of persons, validity, and the plan of due training."""
