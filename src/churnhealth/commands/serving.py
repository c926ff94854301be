"""The verb that keeps a service up: started, told what to serve, and stopped whole."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from churnhealth.bundle import load_bundle, seal
from churnhealth.config import Serve
from churnhealth.errors import ChurnHealthError, ConfigError
from churnhealth.folders import folder_while_running, write_text
from churnhealth.registry import load_champion
from churnhealth.serve.keys import LOOPBACK, read_keys
from churnhealth.serve.trial import try_bundle

__all__ = ["open_many_files", "serve_bundle"]

_DOOR = 0.8  # seconds in which workers look whether to stop, and close the door
_FILES = 65_536
_KEPT_BYTES = str(256 * 2**20)  # of 64 MB some was still given back


def serve_bundle(
    settings: Serve,
    *,
    bundle_folder: Path | None,
    models: Path | None,
    scores: Path | None,
) -> int:
    """Run the service in a process of its own until it is stopped.

    It serves ``bundle_folder``, or whatever is champion of ``models``.

    Raises
    ------
    ConfigError
        CH006 a host other than loopback without keys, CH008 keys that cannot be used;
        ChurnHealthError CH903 when the serving parts are not installed.
    """
    keys = read_keys(
        None if settings.keys_file is None else Path(settings.keys_file), os.environ
    )
    if find_spec("bentoml") is None:
        raise ChurnHealthError(
            "CH903",
            "the serving parts are not installed",
            why="the service needs BentoML",
            fix='pip install "churnhealth[serve]"',
        )
    if settings.host not in LOOPBACK and not keys:
        raise ConfigError(
            "CH006",
            f"without keys the service binds to loopback only, not to {settings.host}",
            why="anyone who can reach it could read every score",
            fix="give [serve] keys_file or CHURNHEALTH_KEYS, or keep 127.0.0.1",
        )
    address = "127.0.0.1" if settings.host == "localhost" else settings.host
    _refuse_busy(address, settings.port)
    open_many_files()
    environment = {
        **os.environ,
        "BENTOML_DO_NOT_TRACK": "True",
        "PYTHONSAFEPATH": "1",  # a file in the folder of the start is no part of ours
        "CHURNHEALTH_SERVE": settings.model_dump_json(),
        "CHURNHEALTH_STARTER": str(os.getpid()),
    }
    # a heap for every thread holds on to what a few large batches once needed
    environment.setdefault("MALLOC_ARENA_MAX", "1")
    # what one batch gives back serves the next: else the system hands it out again page
    # by page, each zeroed
    environment.setdefault("MALLOC_TRIM_THRESHOLD_", _KEPT_BYTES)
    environment.setdefault("MALLOC_MMAP_THRESHOLD_", _KEPT_BYTES)
    # a bad bundle is told of here, not in a worker's log
    if bundle_folder is not None:
        load_bundle(bundle_folder)
        environment["CHURNHEALTH_BUNDLE"] = str(bundle_folder.absolute())
    elif models is not None:
        bundle_folder = models / load_champion(models)[0].folder
        environment["CHURNHEALTH_CHAMPION"] = str(models.absolute())
    if scores is not None:
        from churnhealth.archive.runs import read_current  # loads what scoring needs

        read_current(scores)
        environment["CHURNHEALTH_SCORES"] = str(scores.absolute())
    command = [
        *(sys.executable, "-m", "bentoml", "serve"),
        "churnhealth.serve.service:ChurnHealth",
        *("--host", address, "--port", str(settings.port)),
        *(("--quiet",) if settings.log == "json" else ()),  # its lines are text
    ]
    return _run(command, environment, bundle_folder)


def _run(
    command: Sequence[str], environment: dict[str, str], bundle_folder: Path | None
) -> int:
    """Start the service while its bundle is tried; keep it until it is stopped."""
    with folder_while_running(_memory(), "churnhealth-") as (place, lock):
        environment["BENTOML_HOME"] = str(place)
        # whose files can be imported
        command = [*command, "--working-dir", str(place)]
        stop, tried = place / "stop", place / "tried"
        environment["CHURNHEALTH_STOP"] = str(stop)
        environment["CHURNHEALTH_GOOD"] = str(place / "good")
        if bundle_folder is not None:
            environment["CHURNHEALTH_TRIED"] = str(tried)
        process = subprocess.Popen(command, env=environment, pass_fds=[lock])

        def end(*_: object) -> None:
            """Whoever stops us means the service; its door closes before it does."""
            stop.touch()
            time.sleep(_DOOR)
            process.terminate()

        before = {name: signal.signal(name, end) for name in _stops()}
        try:
            if bundle_folder is not None:
                sealed = seal(bundle_folder)
                try_bundle(bundle_folder)
                write_text(tried, sealed)
            return process.wait()
        except KeyboardInterrupt:
            end()
            return process.wait()
        except ChurnHealthError:
            process.terminate()
            process.wait()
            raise
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)


def _stops() -> list[signal.Signals]:
    """Name the signals that stop us; whoever started us with nohup wants no hang-up."""
    hung_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGTERM, *([signal.SIGHUP] if hung_up else [])]


def _memory() -> Path:
    """Find a place for the few notes of a running service that no disk can fill up.

    Counts for /metrics are written into mapped files: where a disk is full, the system
    ends the process that writes them, and every one that takes its place.
    """
    shared = Path("/dev/shm")
    writable = os.access(shared, os.W_OK | os.X_OK)
    return shared if writable else Path(tempfile.gettempdir())


def open_many_files() -> None:
    """Open as many files as the system lets us: every caller is one.

    What a shell or systemd gives at first is 1,024: fewer callers than a crowd has.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _refuse_busy(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        socket.create_server((address, port), family=family).close()
    except OSError as error:
        raise ConfigError(
            "CH007",
            f"port {port} cannot be listened on: {error.strerror}",
            why="callers would reach another program, or none",
            fix="stop what uses it, or give another --port",
        ) from error
