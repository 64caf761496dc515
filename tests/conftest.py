"""Settings of all tests."""

from hypothesis import HealthCheck, settings

# how long one example takes says more about the machine's other work than about the code; every run draws others, so
# that fewer of them at a time find the same in the end
settings.register_profile(
    "tiercel", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tiercel")
