"""What happened: journal, ingest into the SQL store, counters, feedback. Never decides anything."""
