"""Bytes to nouns and back: one codec per wire format, server-sent events, quirks as data. Pure."""
