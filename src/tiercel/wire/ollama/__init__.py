"""Ollama's own chat API, both ends."""

from tiercel.wire.ollama.codec import Ollama

__all__ = ["Ollama"]
