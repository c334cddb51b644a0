"""The web server: gunicorn with threads, run from the command line."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

THREADS = 4
GRACE_SECONDS = 10


class ServerLog(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's own log, which tells why a server does not start, without what clients send: of a request it cannot read it
    writes the words and the whole address, of one that breaks it the path and the message."""

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        super().warning("Invalid request" if msg.startswith("Invalid request") else msg, *args, **kwargs)

    def exception(self, msg: object, *args: Any, **kwargs: Any) -> None:
        if str(msg).startswith(("Error handling", "Socket error", "HTTP/2")):
            kind = sys.exc_info()[0]
            super().error("A request broke: %s", kind.__name__ if kind else "unknown")
        else:
            super().exception(msg, *args, **kwargs)


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
            "logger_class": ServerLog,
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
