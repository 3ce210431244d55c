"""Phrases of detections in Chinese and English, by family of rules."""
