"""Settings for every place; production is the default and has nothing to switch off."""

from datetime import timedelta
from pathlib import Path

import plotly
from csp.constants import NONE, SELF, UNSAFE_INLINE
from whitenoise.compress import Compressor

from config import env

BASE_DIR = Path(__file__).resolve().parents[2]
PLOTLY_ASSETS = Path(plotly.__file__).parent / "package_data"

DEBUG = False
SECRET_KEY = env.secret("SECRET_KEY")
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.items("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "emissions",
    "reports",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "config.static.StaticFiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
]

MIDDLEWARE = [
    "config.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "emissions.context.organisation",
            ],
        },
    }
]

DATABASES = {"default": env.database(env.text("DATABASE_URL"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.redis("REDIS_URL")
CACHES = {
    # Signing in counts attempts here, and must not need the broker.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "tonne_cache",
    },
    "counts": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # A cache that hangs is worse than none.
        "OPTIONS": {"socket_connect_timeout": 0.2, "socket_timeout": 2, "retry": None},
    },
}

AUTH_USER_MODEL = "emissions.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]
ACCOUNT_ADAPTER = "emissions.accounts.ClosedSignupAdapter"
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "emissions.password_links.PasswordLinks"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
# Whoever invites a person vouches for the address; no mail server is needed.
MFA_ALLOW_UNVERIFIED_EMAIL = True
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"

# Without a mail server, links to set a password are shown to the admin who asks for them.
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.number("EMAIL_PORT", default=587)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "tonne@localhost")

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATIC_ROOT = env.text("STATIC_ROOT", str(BASE_DIR / "staticfiles"))
STATICFILES_DIRS = [BASE_DIR / "static", ("vendor", PLOTLY_ASSETS)]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = [*Compressor.SKIP_COMPRESS_EXTENSIONS, "map"]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "style-src-elem": [SELF],
        "style-src-attr": [UNSAFE_INLINE],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["emissions.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "emissions.api.errors.problem",
    # Behind how many proxies: an address that a client claims for itself is not believed.
    "NUM_PROXIES": env.number("TRUSTED_PROXIES", default=0),
    "DEFAULT_THROTTLE_RATES": {
        "calculator": env.text("CALCULATOR_RATE", "120/min"),
        "token": env.text("API_RATE", "6000/min"),
        "refused": env.text("REFUSED_RATE", "60/min"),
    },
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tonne",
    "DESCRIPTION": "The emissions ledger for an organisation's AI work.",
    "VERSION": "1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    # Several fields are called kind, status or role: their vocabularies are told apart by name.
    "ENUM_NAME_OVERRIDES": {
        "Control": "emissions.api.vocabularies.CONTROL",
        "FactorKind": "emissions.api.vocabularies.FACTOR_KIND",
        "FactorRole": "emissions.api.vocabularies.FACTOR_ROLE",
        "HardwareKind": "emissions.api.vocabularies.HARDWARE_KIND",
        "Role": "emissions.api.vocabularies.ROLE",
        "RunStatus": "emissions.api.vocabularies.RUN_STATUS",
        "SiteKind": "emissions.api.vocabularies.SITE_KIND",
        "SourceKind": "emissions.api.vocabularies.SOURCE_KIND",
        "Stage": "emissions.api.vocabularies.STAGE",
        "Tenure": "emissions.api.vocabularies.TENURE",
        "TokenScope": "emissions.api.vocabularies.TOKEN_SCOPE",
    },
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
FILE_UPLOAD_HANDLERS = [
    "emissions.uploads.BoundedUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
# Without a post for so long a tracker's run has ended; a late post reopens it.
CODECARBON_CLOSE_AFTER = timedelta(hours=env.number("CODECARBON_CLOSE_AFTER_HOURS", default=6))
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024

CELERY_BROKER_URL = env.celery_broker(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "bulk"
CELERY_TASK_ROUTES = {"emissions.tasks.calculate_waiting": {"queue": "interactive"}}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A nudge fails at once and never holds a request: beat repeats it. Workers wait longer (celery.py).
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 0.2,
    "socket_timeout": 0.5,
    "max_retries": 0,
}
CELERY_BEAT_SCHEDULE = {
    "calculate-waiting": {"task": "emissions.tasks.calculate_waiting", "schedule": 5.0},
    "calculate-pending": {"task": "emissions.tasks.calculate_pending", "schedule": 10.0},
    "settle-pools": {"task": "emissions.tasks.settle_pools", "schedule": 10.0},
    "mark-idle-months": {"task": "emissions.tasks.mark_idle_months", "schedule": 3600.0},
    "find-doubles": {"task": "emissions.tasks.find_doubles", "schedule": 3600.0},
    "search-doubles": {"task": "emissions.tasks.search_doubles", "schedule": 10.0},
    "import-waiting": {"task": "emissions.tasks.import_waiting", "schedule": 10.0},
    "fold-streams": {"task": "emissions.tasks.fold_streams", "schedule": 60.0},
    "preview-factors": {"task": "emissions.tasks.preview_factors", "schedule": 10.0},
    "load-factors": {"task": "emissions.tasks.load_factors", "schedule": 10.0},
    "verify-ledger": {"task": "emissions.tasks.verify_ledger", "schedule": 24 * 3600.0},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "config.redaction.Redacting",
            "fmt": "{asctime} {levelname} {name} {message}",
            "style": "{",
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.server": {"handlers": ["console"], "propagate": False},
        # The nudges come every few seconds; what a task did, it says itself.
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
