import logging
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from gunicorn.config import Config

from config.redaction import GunicornLogger, redact

TOKEN = "tonne_6A1T1ubTeslIoHxYiqDYbpTPkzeGifsbVoMfQ-FKp6w"


@pytest.mark.parametrize("token", [TOKEN, TOKEN.replace("_", "%5F", 1)])
def test_a_token_in_an_address_is_blotted_out(token: str) -> None:
    assert redact(f"GET /in/{token}/runs?a=1 HTTP/1.1") == (
        "GET /in/tonne_[redacted]/runs?a=1 HTTP/1.1"
    )
    assert redact("tonne_test is a database") == "tonne_test is a database"


def test_django_s_logs_show_none_not_even_in_a_traceback() -> None:
    formatter = logging.config.DictConfigurator(settings.LOGGING).configure_formatter(
        settings.LOGGING["formatters"]["plain"].copy()
    )
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        raise ValueError(TOKEN)
    except ValueError:
        logger.exception("Internal Server Error: %s", f"/in/{TOKEN}")

    assert stream.getvalue().count("tonne_[redacted]") >= 2
    assert TOKEN not in stream.getvalue()


def test_gunicorn_s_logs_show_none(tmp_path: Any) -> None:
    file = tmp_path / "access.log"
    cfg = Config()
    cfg.set("accesslog", str(file))
    log = GunicornLogger(cfg)
    request = SimpleNamespace(
        method="POST", uri=f"/in/{TOKEN}", path=f"/in/{TOKEN}", query="", version=(1, 1), headers=[]
    )
    environ = {
        "REQUEST_METHOD": "POST", "RAW_URI": f"/in/{TOKEN}", "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_REFERER": f"https://a/{TOKEN}",
    }  # fmt: skip
    response = SimpleNamespace(status="201 Created", sent=2, headers=[], response_length=2)
    from datetime import timedelta

    log.access(response, request, environ, timedelta(seconds=1))

    line = file.read_text()
    assert line.count("tonne_[redacted]") == 2
    assert TOKEN not in line
