"""The product as installed, with one view more: the one that does nothing."""

from config.settings.test import *  # noqa: F403, I001
from config.settings.base import CACHES  # noqa: F401

ROOT_URLCONF = "bench.urls"
DATABASES["default"]["CONN_MAX_AGE"] = 60  # noqa: F405
# What is measured is the server, not its limits.
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]["token"] = "100000/s"  # noqa: F405
