"""Gemini's generateContent, both ends."""

from tiercel.wire.gemini.codec import Gemini

__all__ = ["Gemini"]
