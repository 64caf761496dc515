"""Which model is better on known tasks: suites as data, scored by the same checks that judge live answers.

Works offline on answers it is handed through a callable; the server process never imports it.
"""
