"""How gunicorn serves the product."""

import os
from pathlib import Path

bind = f"{os.environ.get('BIND', '0.0.0.0')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
worker_class = "gthread"
# Import once, then fork: quicker to start, less memory.
preload_app = True
timeout = 60
graceful_timeout = 20
keepalive = 5
max_requests = 5000
max_requests_jitter = 500
# A worker's heartbeat is a file: on a disk it could stall.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
errorlog = "-"
accesslog = os.environ.get("ACCESS_LOG") or None
# Tokens may stand in addresses: no log shows them.
logger_class = "config.redaction.GunicornLogger"
control_socket_disable = True
