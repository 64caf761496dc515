"""The runner of evaluations: real sockets, scripted providers."""
