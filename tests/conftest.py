"""Settings of all tests."""

from hypothesis import HealthCheck, settings

# how long one example takes says more about the machine's other work than about the code
settings.register_profile("tiercel", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tiercel")
