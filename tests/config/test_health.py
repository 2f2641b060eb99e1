import pytest
import redis
from django.conf import settings
from django.test import Client

from config.celery import QUEUES, sign_of_life


@pytest.fixture
def broker():
    client = redis.Redis.from_url(settings.REDIS_URL)
    keys = [sign_of_life(queue) for queue in QUEUES]
    client.delete(*keys)
    yield client
    client.delete(*keys)
    client.close()


def test_healthz_asks_nobody(client: Client) -> None:
    response = client.get("/healthz", headers={"host": "an.unknown.host"})
    assert response.status_code == 200
    assert response.content == b"ok\n"


@pytest.mark.django_db
@pytest.mark.xdist_group("broker")
def test_readyz_names_the_queue_without_a_worker(client: Client, broker: redis.Redis) -> None:
    broker.set(sign_of_life("bulk"), 1, ex=15)
    response = client.get("/readyz", headers={"host": "an.unknown.host"})
    assert response.status_code == 503
    assert response.json() == {
        "ready": False,
        "web": "ok",
        "database": "ok",
        "broker": "ok",
        "worker": "error: no worker for interactive",
    }


@pytest.mark.django_db
@pytest.mark.xdist_group("broker")
def test_readyz_when_all_are_live(client: Client, broker: redis.Redis) -> None:
    for queue in QUEUES:
        broker.set(sign_of_life(queue), 1, ex=15)
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["ready"] is True


@pytest.mark.django_db
def test_readyz_without_a_broker(client: Client, settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock?db=0"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["broker"] == "error: no answer"
    assert response.json()["worker"] == "error: no answer"
    assert response.json()["database"] == "ok"


def test_readyz_without_a_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError, connection

    def refuse() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "cursor", refuse)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["database"] == "error: no answer"
