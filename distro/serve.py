"""The web process: gunicorn, without an access log, since a log of addresses is a list of people."""

import errno
import logging
import os
import selectors
import signal
import sys
import time
from functools import partial
from http import HTTPStatus
from typing import Any, NoReturn

from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.http import wsgi
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import TConn, ThreadWorker

from distro import edge, logbook, shedding
from distro.config import STAFF_ONLY, Settings, Surface, without_secrets
from distro.errors import where_it_broke

BOOT_FAILURE = "Exception in worker process"  # gunicorn's words; no request is in hand then
# A worker's threads: for those who are let in (`shedding`), those who wait, and two to say no. More of these would only
# take the processor from those who were let in.
THREADS = {Surface.PUBLIC: 14, Surface.STAFF: 16, Surface.ALL: 28}
LOOPBACK = ("127.0.0.1", "::1", "localhost")
NO_PROXY = (
    "Warning: no proxy stands before this (DISTRO_PROXIES is not set), and it listens beyond this machine. Whoever "
    "sends slowly holds its threads, and everyone else waits. Put a proxy that takes in whole requests before it: see "
    "docs/deploy.md, section 3."
)
STOP_SECONDS, QUIT_SECONDS = 8, 2  # what is in hand may take this long when we are told to stop, or to quit
SWITCH_SECONDS = 0.001  # how long one thread may keep another from answering; Python's own is 0.005


class Logger(GunicornLogger):  # type: ignore[misc]  # gunicorn carries no types
    """Gunicorn's log without what a request holds: its line may be something typed, its address is a person."""

    def setup(self, cfg: Any) -> None:
        """Prepare the log."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(logbook.PlainFormatter())

    def access(self, *_args: Any, **_kwargs: Any) -> None:
        """Write no access log, whatever gunicorn is told by its environment or a file."""

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log a warning; one about a request only says that there was one."""
        if "request" in str(msg).lower():
            msg, args = "a malformed request was refused", ()
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log what broke and where; in full only while starting, since no request is in hand then."""
        if msg == BOOT_FAILURE:
            super().exception(msg, *args, **kwargs)
        else:
            self.error("a request broke: %s", where_it_broke(sys.exc_info()[1]))


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn carries no types
    """A gunicorn worker that knows how long each request waited, sheds what is too much, and never quotes a request."""

    def init_process(self) -> None:
        """Begin; called in the new process."""
        logbook.begin()
        sys.setswitchinterval(SWITCH_SECONDS)
        wsgi.SERVER = "web"  # whose server it is, and which version, is nobody's business
        super().init_process()

    def init_signals(self) -> None:
        """Leave Ctrl-C, which a terminal sends to every process, to our parent: it tells us in its turn."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def handle_quit(self, sig: int, frame: object) -> None:
        """Stop soon. Gunicorn's own would wait for its threads, and those for clients that say nothing more."""
        self.cfg.set("graceful_timeout", QUIT_SECONDS)
        self.handle_exit(sig, frame)

    def run(self) -> None:
        """Answer until told to stop, and then no longer for a client in the middle of a word."""
        self.cfg.set("graceful_timeout", STOP_SECONDS)  # less than our parent waits before it kills us
        super().run()
        logging.shutdown()
        os._exit(0)

    def murder_pending(self) -> None:
        """Close connections that said nothing for too long; when stopping, all that said nothing yet."""
        if not self.alive:
            for conn in self.pending_conns:
                conn.timeout = 0.0
        super().murder_pending()

    def load_wsgi(self) -> None:
        """Load the application, and stand before it."""
        super().load_wsgi()  # which also refuses an application that cannot be loaded
        self.wsgi: Any = shedding.Shedding(self.app.wsgi())

    def accept(self, listener: Any) -> None:
        """Take a connection, and wait in no thread for what it says: idle ones would leave none for the others."""
        try:
            client, address = listener.accept()
        except OSError as problem:
            if problem.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        conn = TConn(self.cfg, client, address, listener.getsockname())
        conn.set_timeout()
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def enqueue_req(self, conn: TConn) -> None:
        """Hand a connection to the threads."""
        conn.queued_at = time.monotonic()
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> object:
        """Answer a connection, in a thread."""
        shedding.queued.seconds = time.monotonic() - conn.queued_at
        return super().handle(conn)

    def handle_error(self, req: object, client: Any, addr: object, exc: BaseException) -> None:
        """Say that a request could not be read, or that we broke, in words that repeat nothing of it."""
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        if isinstance(exc, LimitRequestLine):
            status = HTTPStatus.REQUEST_URI_TOO_LONG
        elif isinstance(exc, LimitRequestHeaders):
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        elif isinstance(exc, (ParseException, ValueError)):
            status = HTTPStatus.BAD_REQUEST
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.exception("Error handling request")
        else:
            self.log.warning("malformed request")
        try:
            client.sendall(bare_answer(status, https=os.environ.get("DISTRO_HTTPS") == "1"))
        except OSError:
            self.log.debug("the error could not be sent")


def bare_answer(status: HTTPStatus, *, https: bool) -> bytes:
    """An HTTP answer for a request that no page can be made of."""
    body = f"<!doctype html><title>{status.phrase}</title><p>{status.phrase}.</p>\n".encode()
    headers = edge.bare_headers(https) | {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def serve(settings: Settings, *, host: str, port: int, workers: int) -> NoReturn:
    """Become gunicorn and answer requests on host:port until told to stop.

    The process is replaced, so that a web worker carries nothing of the command line, geopandas above all.
    """
    if host not in LOOPBACK and not settings.proxies:
        sys.stderr.write(f"{NO_PROXY}\n")
    options = {
        "bind": f"{host}:{port}",
        "workers": str(workers),
        "worker-class": f"{Worker.__module__}.{Worker.__qualname__}",
        "threads": str(THREADS[settings.surface]),
        "log-level": "warning",
        "logger-class": f"{Logger.__module__}.{Logger.__qualname__}",
        "graceful-timeout": "10",
        "keep-alive": "5",  # seconds; also for a first word
        "forwarded-allow-ips": "",  # DISTRO_PROXIES says whom to believe
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    inherited = without_secrets(os.environ, STAFF_ONLY if settings.surface is Surface.PUBLIC else ())
    environment = inherited | {"DISTRO_INSTANCE": str(settings.instance), "DISTRO_SURFACE": settings.surface}
    python = sys.executable
    os.execve(python, [python, "-m", "gunicorn", *arguments, "--no-control-socket", "wsgi:app"], environment)
