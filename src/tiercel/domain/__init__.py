"""The nouns: frozen values that every other layer speaks in. Imports nothing of ours, does no I/O, reads no clock."""
