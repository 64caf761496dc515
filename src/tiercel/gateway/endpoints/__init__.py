"""One file per endpoint: decode, admit, climb, encode. Each is a callable of a runtime and an exchange."""
