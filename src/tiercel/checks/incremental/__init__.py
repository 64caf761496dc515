"""JSON that is checked while it comes, character by character: where it begins, whether it fits its schema so far."""
