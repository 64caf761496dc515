"""A world to test against, public and documented: real little servers on loopback, never a patch.

`scripted.ScriptedProvider` answers a queue of replies and remembers what it was asked, `clock.FrozenClock` is a clock
that only moves when told to, `lab.server.Lab` simulates the providers with their speeds, quirks and faults, and
`tasks.demo_tasks()` are the tasks of `tiercel demo`. Nothing here calls anything beyond loopback.
"""
