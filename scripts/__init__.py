"""What is run by hand: generated pages, tables, and other people's programs."""
