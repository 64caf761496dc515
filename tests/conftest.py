"""Settings of all tests."""

import os
import signal
from pathlib import Path

from hypothesis import HealthCheck, settings

# how long one example takes says more about the machine's other work than about the code; every run draws others, so
# that fewer of them at a time find the same in the end
settings.register_profile(
    "tiercel", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tiercel")

# nobody here speaks TLS with anybody else, so that the only authority is one whose key was never kept: to read the
# system's takes 25 ms, for every client of every SDK
os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("nobody.pem"))

# a shell starts what runs in its background deaf to interrupts, and children inherit that from us; those that tests
# interrupt must hear it
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
