"""The web application, for any WSGI server: `gunicorn wsgi:app`."""

from distro.app import create_app
from distro.config import Settings

app = create_app(Settings.from_env())
