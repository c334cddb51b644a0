"""For a WSGI server: `gunicorn wsgi:app`. Settings come from the environment (see README)."""

from __future__ import annotations

import os

from casework.app import create_app
from casework.bootstrap import open_office
from casework.db import EmbeddedServer
from casework.settings import from_environment

settings = from_environment(os.environ)
if settings.embedded:
    EmbeddedServer(settings.data_dir).start()
app = create_app(open_office(settings))
