"""Property tests of the law run beside everything else on two cores: a slow example is no finding."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no-stopwatch", deadline=None)
settings.load_profile("no-stopwatch")
