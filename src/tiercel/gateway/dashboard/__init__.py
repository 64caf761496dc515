"""Pages for people, on a listener of their own. Loaded when one is first opened: the gateway serves without it.

`listener.py` is all that the running gateway knows of it. A page is a module in `pages/` with a template of its name;
what it shows comes as values from `records` and `measure`, so that a page says the same as the command line.
"""
