"""JSON that is checked while it comes."""
