"""The web server: gunicorn with threads, run from the command line."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication

THREADS = 4
GRACE_SECONDS = 10


class WebServer(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """Serves what `make_app` builds, in `workers` processes; each builds its own, after the fork.

    `make_app` is called in the worker: no database connection and no thread is shared between processes.
    """

    def __init__(
        self, make_app: Callable[[], Any], *, host: str, port: int, workers: int, threads: int = THREADS
    ) -> None:
        self._make_app = make_app
        self._options = {
            "bind": f"{host}:{port}",
            "workers": workers,
            "worker_class": "gthread",
            "threads": threads,
            "graceful_timeout": GRACE_SECONDS,
            "timeout": 60,
            "accesslog": None,  # addresses and paths are nobody's business; the app logs what may be logged
            "errorlog": "-",
            "loglevel": "warning",
            "control_socket_disable": True,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        app = self._make_app()
        # What was built lives as long as the worker: left among the garbage collector's own it is walked through every
        # few pages, and one page in twenty waits for it.
        gc.collect()
        gc.freeze()
        return app
