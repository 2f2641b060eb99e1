"""The Celery application. Messages are only nudges: what is to do is a row in the database."""

import os
import threading
from typing import Any

import redis
from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

QUEUES = ("interactive", "bulk")
SIGN_OF_LIFE_EVERY_SECONDS = 5
SIGN_OF_LIFE_LASTS_SECONDS = 15

app = Celery("tonne")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def sign_of_life(name: str) -> str:
    """Return the broker's key that exists while a queue's worker, or beat, lives."""
    return f"tonne:alive:{name}"


@signals.celeryd_init.connect
def be_patient(conf: Any = None, **_: Any) -> None:
    """A worker may wait for the broker as a request may not."""
    conf.broker_transport_options = {**conf.broker_transport_options, "socket_timeout": 10}
    conf.broker_transport_options.pop("max_retries", None)


@signals.worker_ready.connect
def show_that_worker_lives(sender: Any = None, **_: Any) -> None:
    """Tell /readyz, from a thread of its own, that this process lives, even in a long task."""
    _show_signs_of_life([queue.name for queue in sender.task_consumer.queues])


@signals.beat_init.connect
def show_that_beat_lives(**_: Any) -> None:
    """Tell the same of beat, for its container's health check."""
    _show_signs_of_life(["beat"])


def _show_signs_of_life(names: list[str]) -> None:
    threading.Thread(target=_repeat_signs_of_life, args=(names,), daemon=True).start()


def _repeat_signs_of_life(names: list[str]) -> None:
    from django.conf import settings

    client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=2)
    pause = threading.Event()
    while True:
        try:
            for name in names:
                client.set(sign_of_life(name), os.getpid(), ex=SIGN_OF_LIFE_LASTS_SECONDS)
        except redis.RedisError:
            pass  # The broker is away; the next round will find it again.
        pause.wait(SIGN_OF_LIFE_EVERY_SECONDS)
