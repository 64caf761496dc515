"""The only place that calls providers: connections, credentials, calls with their clocks, health, failures."""
