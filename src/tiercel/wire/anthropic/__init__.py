"""Anthropic Messages, both ends."""

from tiercel.wire.anthropic.codec import Anthropic

__all__ = ["Anthropic"]
