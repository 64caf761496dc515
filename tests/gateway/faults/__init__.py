"""The fault matrix: what goes wrong (`cases`), who asks (`clients`), and one of each with the other (`matrix`)."""
