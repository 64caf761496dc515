"""Runs a program that nobody has read: in a box without network, files, other processes, or time without end."""
