"""The front door: the server, admission, endpoints, our errors in each client's format, and the composition root."""
