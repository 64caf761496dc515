"""The box that programs run in."""
