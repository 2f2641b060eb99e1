"""The Celery application. Messages are only nudges: what is to do is a row in the database."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

app = Celery("tonne")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
