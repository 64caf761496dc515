"""Numbers from records: arithmetic only. No I/O, no clock; what goes in are nouns, what comes out is a report."""
