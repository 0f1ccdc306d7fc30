"""Settings of all tests."""

from hypothesis import settings

settings.register_profile("timeless", deadline=None)  # no test is timed: a busy machine fails none
settings.load_profile("timeless")
