"""Tests: a database cluster and a broker of their own, started by tests/conftest.py.

Where they listen is decided here and inherited by every process that the tests start. Set
DATABASE_URL or REDIS_URL to test with servers of your own.
"""

import os
import tempfile

os.environ.setdefault("SECRET_KEY", "test only")
os.environ.setdefault("ALLOWED_HOSTS", "localhost,127.0.0.1,testserver")
SERVERS = os.environ.setdefault(
    "TONNE_TEST_SERVERS", f"{tempfile.gettempdir()}/tonne-{os.getpid()}"
)
os.environ.setdefault("DATABASE_URL", f"postgresql://postgres@/tonne?host={SERVERS}/postgres")
os.environ.setdefault("REDIS_URL", f"unix://{SERVERS}/valkey/valkey.sock?db=0")

from config.settings.base import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CACHES = {
    name: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": name}
    for name in CACHES
}
DATABASES["default"]["CONN_MAX_AGE"] = 0
