"""A doccano server of one's own: web server and task worker, in an environment of their own, data in one folder."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import PipelineError

__all__ = ["Server", "kept_secret", "serving"]

_START = 180  # seconds until it must answer
_STOP = 10  # seconds it may take to end
_TABLES = """from django.core.management import call_command as run
run("migrate", verbosity=0); run("create_roles"); run("createsuperuser", interactive=False)"""


class Server:
    """A running server.

    Args:
        url: where it listens.
        processes: web server and task worker, by name.
        folder: its data and logs.
    """

    def __init__(self, url: str, processes: dict[str, subprocess.Popen], folder: Path) -> None:
        self.url, self.processes, self.folder = url, processes, folder

    def watch(self) -> None:
        """Return while both processes run.

        Raises:
            PipelineError: one has ended.
        """
        for name, process in self.processes.items():
            if process.poll() is not None:
                what = f"doccano's {name} process ended with {process.returncode}"
                raise PipelineError(what, path=self.folder / f"{name}.log", mend="see this log")

    def wait(self) -> None:
        """Stay until a process ends, which is an error, or the caller is interrupted."""
        while True:
            self.watch()
            time.sleep(1)

    def stop(self) -> None:
        """End both: asked first, then made to."""
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(_STOP)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def kept_secret(path: Path) -> str:
    """The secret in a file that only its owner reads; drawn at first use."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(secrets.token_urlsafe(24))
        return path.read_text().strip()
    except OSError as error:
        raise PipelineError(f"cannot be written: {error.strerror}", path=path, mend="choose another folder") from error


@contextmanager
def serving(folder: Path, *, environment: Path, user: str, password: str, host: str, port: int) -> Iterator[Server]:
    """A doccano server while the block lasts.

    Args:
        folder: database, media and logs; made if it is not there, found again if it is.
        environment: a virtual environment with doccano in it.
        user, password: administrator to create; one who is there keeps his password.
        host, port: where it listens.

    Raises:
        PipelineError: doccano is not installed, the port is taken, or it does not start.
    """
    folder, environment = folder.resolve(), environment.absolute()
    code = next(environment.glob("lib/python3*/site-packages/backend/manage.py"), None)
    if code is None:
        raise PipelineError("no doccano here", path=environment, mend="run `make annotate`, or name it with --server")
    _free(host, port)
    secret = kept_secret(folder / "secret")
    settings = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings.production", "STANDALONE": "True", "DEBUG": "False",
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3", "MEDIA_ROOT": str(folder / "media"), "SECRET_KEY": secret,
    }  # fmt: skip
    (folder / "media").mkdir(exist_ok=True)
    python, inside = str(environment / "bin" / "python"), str(code.parent)
    _prepare(python, code, folder, settings, user, password)
    commands = {
        # not `doccano webserver`, which listens to the whole network
        "web": ["gunicorn", "--bind", f"{host}:{port}", "--workers", "2", "--chdir", inside, "config.wsgi"],
        "task": ["celery", "--app=config", f"--workdir={inside}", "worker", "--loglevel=info", "--concurrency=1"],
    }
    server = Server(f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}", {}, folder)
    try:
        for name, command in commands.items():
            with open(folder / f"{name}.log", "ab") as log:
                # a session of its own: an interrupt from the keyboard comes to us, and we end it in order
                server.processes[name] = subprocess.Popen(
                    [python, "-m", *command], env=settings, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )  # fmt: skip
        _healthy(server)
        yield server
    finally:
        server.stop()


def _free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            mend = "is doccano running already? else choose another --port"
            raise PipelineError(f"cannot listen there: {error.strerror}", path=f"{host}:{port}", mend=mend) from error


def _prepare(python: str, code: Path, folder: Path, settings: dict, user: str, password: str) -> None:
    """Tables, roles and the administrator; all of it may be there already."""
    # by the environment: an argument would stand in the list of processes
    known = {"USERNAME": user, "PASSWORD": password, "EMAIL": f"{user}@example.com"}
    asked = settings | {f"DJANGO_SUPERUSER_{name}": value for name, value in known.items()}
    command = [python, str(code), "shell", "-c", _TABLES]
    done = subprocess.run(command, env=asked, capture_output=True, text=True, check=False)
    if done.returncode and "already taken" not in done.stderr:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise PipelineError(f"doccano cannot make its tables: {last}", path=folder, mend="choose another --folder")


def _healthy(server: Server) -> None:
    """Wait until the web server answers that it, its tables and its worker are well."""
    request = urllib.request.Request(f"{server.url}/v1/health/", headers={"Accept": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    ends = time.monotonic() + _START
    while time.monotonic() < ends:
        server.watch()
        try:
            opener.open(request, timeout=10).close()
            return
        except (urllib.error.URLError, OSError):  # not yet
            time.sleep(0.5)
    raise PipelineError(f"doccano is not well after {_START} s", path=server.folder, mend="see the logs in this folder")
