"""Wire formats: a message's topic and bytes -> what it means."""

from .contract import Availability, Decoded, Decoder, Media, Reading, Reject

__all__ = ["Availability", "Decoded", "Decoder", "Media", "Reading", "Reject"]
