"""Scenario bank through intake, detectors, hazards, tickets and pages, scored against its truth."""

from .play import Page, Played, play
from .windows import PlayedWindow, score_windows, summary

__all__ = ["Page", "Played", "PlayedWindow", "play", "score_windows", "summary"]
