"""Settings of the portal.

Every variable is prefixed COUNTERSIGN_, listed in README.md, and may be given as NAME_FILE
holding the path of a file with the value, so that secrets stay out of the environment.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from environ import FileAwareEnv

from portal.api import documentation
from portal.environment import (
    prepare_data_folder,
    read_broker_options,
    read_database,
    read_or_create_secret,
    refuse_to_read_nothing,
)

env = FileAwareEnv()
BASE_DIR = Path(__file__).resolve().parent.parent

COUNTERSIGN_DATA = Path(env.str("COUNTERSIGN_DATA", default=str(BASE_DIR / "var"))).expanduser().resolve()
refuse_to_read_nothing(sys.argv, COUNTERSIGN_DATA)
prepare_data_folder(COUNTERSIGN_DATA)
SECRET_KEY = env.str("COUNTERSIGN_SECRET_KEY", default="") or read_or_create_secret(COUNTERSIGN_DATA / "secret_key")

# --- Where the portal is reached --------------------------------------------------------------

DEBUG = env.bool("COUNTERSIGN_DEBUG", default=False)
COUNTERSIGN_BIND = env.str("COUNTERSIGN_BIND", default="127.0.0.1")
COUNTERSIGN_PORT = env.int("COUNTERSIGN_PORT", default=8000)
COUNTERSIGN_ORIGIN = env.str("COUNTERSIGN_ORIGIN", default=f"http://127.0.0.1:{COUNTERSIGN_PORT}").rstrip("/")
ORIGIN_HOST = urlsplit(COUNTERSIGN_ORIGIN).hostname or "localhost"
# The first line of every checkpoint. It names the log for ever, so the port is not part of it.
COUNTERSIGN_LOG_ORIGIN = env.str("COUNTERSIGN_LOG_ORIGIN", default=f"{ORIGIN_HOST}/countersign")
# Machines of others that cosign checkpoints, "URL VKEY" each, one per line; and how many of them must have.
COUNTERSIGN_WITNESSES = list(filter(None, map(str.strip, env.str("COUNTERSIGN_WITNESSES", default="").splitlines())))
COUNTERSIGN_WITNESS_QUORUM = env.int("COUNTERSIGN_WITNESS_QUORUM", default=None)
# A time-stamp authority (RFC 3161) that is asked for the newest checkpoint once a day.
COUNTERSIGN_TSA_URL = env.str("COUNTERSIGN_TSA_URL", default="")
# The organisation's certificate for reports, PEM or PKCS#12, read by the signer alone; without it the signer makes one.
COUNTERSIGN_REPORT_CERTIFICATE = env.str("COUNTERSIGN_REPORT_CERTIFICATE", default="")
COUNTERSIGN_REPORT_CERTIFICATE_PASSWORD = env.str("COUNTERSIGN_REPORT_CERTIFICATE_PASSWORD", default="")
HTTPS = COUNTERSIGN_ORIGIN.startswith("https://")
ALLOWED_HOSTS = [
    *env.list("COUNTERSIGN_ALLOWED_HOSTS", default=[]),
    *(ORIGIN_HOST, "localhost", "127.0.0.1", "[::1]"),
]
CSRF_TRUSTED_ORIGINS = [COUNTERSIGN_ORIGIN]
if env.bool("COUNTERSIGN_BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"

# --- Limits -----------------------------------------------------------------------------------

COUNTERSIGN_UPLOAD_LIMIT = env.int("COUNTERSIGN_UPLOAD_LIMIT", default=200 * 1024 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
FILE_UPLOAD_TEMP_DIR = str(COUNTERSIGN_DATA / "incoming")
FILE_UPLOAD_PERMISSIONS = 0o600

# --- Parts ------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "governance.apps.GovernanceConfig",
    "portal.apps.PortalConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "axes",
    "csp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.middleware.keep_private",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "portal.middleware.TellRefusals",
]
CONTEXT_PROCESSORS = [
    "django.template.context_processors.request",
    "django.template.context_processors.i18n",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
    "portal.context_processors.frame",
]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": CONTEXT_PROCESSORS},
    }
]

DATABASES = {"default": read_database(env, COUNTERSIGN_DATA)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Background work: Celery rings, the rows in the database are the queue ----------------------

CELERY_BROKER_URL = env.str("COUNTERSIGN_BROKER_URL", default="filesystem://localhost")
CELERY_BROKER_TRANSPORT_OPTIONS = read_broker_options(CELERY_BROKER_URL, COUNTERSIGN_DATA)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A missing broker must not hold up the person who asked: the sweep rings again.
CELERY_TASK_PUBLISH_RETRY = False
# A worker that has not been heard of for this long is taken for dead, and another one takes over its work.
COUNTERSIGN_LEASE_SECONDS = env.float("COUNTERSIGN_LEASE_SECONDS", default=30)
# What one evaluation may take in its sandbox: seconds by the clock, and MiB of address space, of which the
# numerical libraries reserve about a third before they read a row.
COUNTERSIGN_SANDBOX_SECONDS = env.float("COUNTERSIGN_SANDBOX_SECONDS", default=1500)
COUNTERSIGN_SANDBOX_MEMORY = env.int("COUNTERSIGN_SANDBOX_MEMORY", default=3072)
# Explaining ONNX models needs the extra "onnx"; its parser runs in the sandbox, and only where it is wanted.
COUNTERSIGN_ONNX = env.bool("COUNTERSIGN_ONNX", default=False)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 1740
CELERY_TASK_TIME_LIMIT = 1800
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 200
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- People -----------------------------------------------------------------------------------

AUTH_USER_MODEL = "governance.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {
        "NAME": f"{VALIDATION}.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "full_name", "email")},
    },
    {"NAME": f"{VALIDATION}.CommonPasswordValidator"},
]
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"

# Five wrong passwords for one account from one address close that door for a quarter of an hour.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_TEMPLATE = "lockout.html"
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False

# --- Browser ----------------------------------------------------------------------------------

COOKIE_PREFIX = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}countersign"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = HTTPS
SIGNED_COOKIE_LEGACY_SALT_FALLBACK = False
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
# Neighbouring host names are not ours to promise for: no includeSubDomains, no preload.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
OWN_ONLY = ("script-src", "style-src", "font-src", "connect-src", "form-action", "manifest-src")
NOBODY = ("default-src", "frame-ancestors", "base-uri", "object-src")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        **dict.fromkeys(NOBODY, [NONE]),
        **dict.fromkeys(OWN_ONLY, [SELF]),
        "img-src": [SELF, "data:"],
    }
}
STATIC_URL = "/static/"
STATIC_ROOT = COUNTERSIGN_DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ["map", "png", "woff2"]

# --- Language and time ------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

# --- API --------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portal.api.auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["portal.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "portal.api.pagination.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "portal.api.schema.PortalSchema",
    "EXCEPTION_HANDLER": "portal.api.errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = documentation.SPECTACULAR_SETTINGS

# --- Operators' log ---------------------------------------------------------------------------

LOG_LEVEL = env.str("COUNTERSIGN_LOG_LEVEL", default="WARNING").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": "NOTSET", "propagate": True},
        # Django warns of every 4xx; a refusal is an answer, and those that matter stand in the log.
        "django.request": {"level": "ERROR" if LOG_LEVEL == "WARNING" else LOG_LEVEL},
        # gunicorn warns of every HEAD: Django leaves it to the server to drop the body.
        "gunicorn.http.wsgi": {"level": "ERROR"},
    },
}
