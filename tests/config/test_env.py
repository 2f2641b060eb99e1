import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", True), ("Yes", True), (" on ", True), ("off", False), ("0", False), ("", None)],
)
def test_flag(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool | None) -> None:
    monkeypatch.setenv("FLAG", value)
    for default in (True, False):
        assert env.flag("FLAG", default=default) is (default if expected is None else expected)


def test_flag_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAG", "perhaps")
    with pytest.raises(ImproperlyConfigured, match="FLAG must be true or false"):
        env.flag("FLAG", default=True)


def test_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.number("NUMBER_UNSET", default=7) == 7
    monkeypatch.setenv("NUMBER", "12")
    assert env.number("NUMBER", default=7) == 12
    monkeypatch.setenv("NUMBER", "a dozen")
    with pytest.raises(ImproperlyConfigured, match="NUMBER must be a whole number"):
        env.number("NUMBER", default=7)


def test_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTS", " a.example, ,b.example ")
    assert env.items("HOSTS") == ["a.example", "b.example"]


def test_secret_from_a_file(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("from the file\n")
    monkeypatch.setenv("KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("KEY", "from the environment")
    assert env.secret("KEY") == "from the file"


def test_database_over_tcp() -> None:
    found = env.database("postgresql://me:p%40ss@db.example:5433/tonne?sslmode=require")
    assert (found["HOST"], found["PORT"]) == ("db.example", "5433")
    assert (found["USER"], found["PASSWORD"], found["NAME"]) == ("me", "p@ss", "tonne")
    assert found["OPTIONS"] == {"connect_timeout": "5", "sslmode": "require"}


def test_database_over_a_socket() -> None:
    found = env.database("postgresql://tonne@/tonne?host=/run/postgresql")
    assert (found["HOST"], found["PORT"], found["USER"]) == ("/run/postgresql", "", "tonne")


def test_other_databases_are_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="postgresql://"):
        env.database("sqlite:///tonne.db")


@pytest.mark.parametrize(
    ("url", "celery"),
    [
        ("redis://valkey:6379/1", "redis://valkey:6379/1"),
        ("unix:///run/valkey.sock?db=2", "redis+socket:///run/valkey.sock?virtual_host=2"),
        ("unix:///run/valkey.sock", "redis+socket:///run/valkey.sock"),
    ],
)
def test_brokers(monkeypatch: pytest.MonkeyPatch, url: str, celery: str) -> None:
    monkeypatch.setenv("BROKER", url)
    assert env.celery_broker(env.redis("BROKER")) == celery


def test_other_brokers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER", "amqp://rabbit")
    with pytest.raises(ImproperlyConfigured, match="BROKER must begin with redis://"):
        env.redis("BROKER")
