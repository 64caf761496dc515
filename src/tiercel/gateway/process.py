"""What the process itself needs: descriptors enough, and a garbage collector that lets streams flow."""

import gc
import sys
from contextlib import suppress

OWN_DESCRIPTORS = 32
"""What the process needs for itself: journal, database, event loop, a reader or two."""
ENOUGH_DESCRIPTORS = 65_536

if sys.platform == "win32":

    def room_for_clients() -> int:
        """How many connections clients may have open at once."""
        return ENOUGH_DESCRIPTORS

    def allow_many_files() -> None:
        """Ask the system for as many descriptors as it gives."""

else:
    import resource

    def room_for_clients() -> int:
        """How many connections clients may have open at once."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY:
            return ENOUGH_DESCRIPTORS
        return max(1, (soft - OWN_DESCRIPTORS) // 2)

    def allow_many_files() -> None:
        """Ask the system for as many descriptors as it gives."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = ENOUGH_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, ENOUGH_DESCRIPTORS)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with suppress(ValueError, OSError):  # what there is has to do
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def settle() -> None:
    """Take everything there is by now out of the garbage collector's sight.

    For a process that from here on only serves: what was loaded at the start lives as long as it does, and looking
    through all of it again and again would stop every stream for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()
