"""Read settings from the environment, with a clear error for what is missing or malformed."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str | None = None) -> str:
    """Return the variable `name`; without a default it is required."""
    value = os.environ.get(name, "").strip() or default
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set. See README.md, “Configuration”.")
    return value


def flag(name: str, *, default: bool) -> bool:
    """Return the variable as a truth value: 1, true, yes, on or 0, false, no, off."""
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def number(name: str, *, default: int) -> int:
    """Return the variable as a whole number."""
    value = os.environ.get(name, "").strip()
    try:
        return int(value) if value else default
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from error


def items(name: str, default: str = "") -> list[str]:
    """Return the variable as a list, split at commas."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def secret(name: str) -> str:
    """Return the variable, or the contents of the file that `<name>_FILE` names."""
    file = os.environ.get(f"{name}_FILE", "").strip()
    if file:
        return Path(file).read_text(encoding="utf-8").strip()
    return text(name)


def redis(name: str) -> str:
    """Return the address of the broker and cache: redis://, rediss://, or unix:// for a socket."""
    url = text(name)
    if urlsplit(url).scheme not in {"redis", "rediss", "unix"}:
        raise ImproperlyConfigured(f"{name} must begin with redis://, rediss:// or unix://")
    return url


def celery_broker(url: str) -> str:
    """Return a redis-py address in Celery's spelling, which differs for sockets."""
    if not url.startswith("unix://"):
        return url
    return url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1)


def database(url: str) -> dict[str, Any]:
    """Return Django's settings for a postgresql:// URL; a socket goes in ?host=."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("DATABASE_URL must begin with postgresql://")
    # A server that does not answer must not hold a request for minutes.
    options = {"connect_timeout": "5", **dict(parse_qsl(parts.query))}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": options.pop("port", str(parts.port or "")),
        "OPTIONS": options,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
    }
