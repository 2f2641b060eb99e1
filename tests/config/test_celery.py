"""A nudge must never hold a request."""

import os
import signal
import time

import pytest
from django.conf import settings
from kombu.exceptions import OperationalError

from config import env
from config.celery import app
from tests.servers import Servers

ALLOWED_SECONDS = 0.75


@pytest.fixture
def nudge(own_servers: Servers):
    with app.connection_for_write(env.celery_broker(own_servers.broker.url)) as connection:
        connection.transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS

        def send() -> float:
            started = time.monotonic()
            try:
                app.send_task("nothing", connection=connection)
            finally:
                send.seconds = time.monotonic() - started
            return send.seconds

        yield send


def test_fails_at_once_when_the_broker_is_gone_or_frozen(nudge, own_servers: Servers) -> None:
    nudge()
    assert own_servers.broker.child is not None
    os.kill(own_servers.broker.child.pid, signal.SIGSTOP)
    with pytest.raises((OperationalError, OSError)):
        nudge()
    assert nudge.seconds < ALLOWED_SECONDS
    os.kill(own_servers.broker.child.pid, signal.SIGCONT)
    own_servers.broker.child.kill()
    with pytest.raises((OperationalError, OSError)):
        nudge()
    assert nudge.seconds < ALLOWED_SECONDS
    own_servers.broker.start()
    nudge()
