"""Which model serves: the one that a folder or the champion's pointer names, soon.

A new one is tried in a process that may die, loaded beside the one that serves, and
put in its place in one step. A bad one changes nothing: what served goes on serving,
in a worker that starts anew too.
"""

from __future__ import annotations

from pathlib import Path

from churnhealth.bundle import Bundle, load_bundle, seal
from churnhealth.errors import BundleError, ChurnHealthError
from churnhealth.folders import write_text
from churnhealth.registry import Champion, load_champion, read_champion
from churnhealth.serve.lines import log
from churnhealth.serve.live import Live, make_serving
from churnhealth.serve.observed import Observer
from churnhealth.serve.trial import try_bundle

__all__ = ["Follower"]

_Stamp = tuple[tuple[str, int, int, int], ...]
_Mark = tuple[Champion | None, _Stamp]


class Follower:
    """Keeps ``live`` at the bundle in ``folder``, or at the champion of ``models``.

    ``tried`` is the seal of a bundle that need not be tried again; ``good`` a file in
    which the workers of one service note the last champion that one of them served.
    """

    def __init__(
        self,
        live: Live,
        *,
        folder: Path | None = None,
        models: Path | None = None,
        scores: Path | None = None,
        observer: Observer,
        tried: str = "",
        good: Path | None = None,
    ) -> None:
        self._live = live
        self._folder = folder
        self._models = models
        self._scores = scores
        self._observer = observer
        self._tried = {tried}
        self._good = None if models is None else good
        self._seen: _Mark | str | None = None

    def look(self) -> None:
        """Serve what is named now, unless it is what was looked at before.

        What cannot be served is logged with its code, and looked at again when the
        pointer or the files change.
        """
        try:
            champion = self._champion()
            mark = (champion, self._stamp(champion))
            if mark != self._seen:
                self._seen = mark
                self._take(self._where(champion))
        except ChurnHealthError as error:
            if self._seen != error.code:  # say it once, not every second
                self._refuse(error)
                self._fall_back()
            if error.code == "CH620":
                self._seen = error.code

    def _champion(self) -> Champion | None:
        try:
            return None if self._models is None else read_champion(self._models)
        except OSError as error:
            raise BundleError(
                "CH620",
                f"the pointer to the champion cannot be read: {error.strerror}",
                why="guessing which model is champion could serve another",
                fix="check its permissions and those of the folder",
            ) from error

    def _where(self, champion: Champion | None) -> Path:
        if self._folder is not None:
            return self._folder
        if self._models is None:
            raise no_bundle()
        return self._models / (champion.folder if champion else "")

    def _stamp(self, champion: Champion | None) -> _Stamp:
        """Tell one state of the bundle's files from another; () where there are none.

        The time of the last change of a file's entry tells a restored copy from what
        it replaces, even if all else is the same.
        """
        try:
            found = [(p, p.stat()) for p in sorted(self._where(champion).iterdir())]
        except OSError:
            return ()
        return tuple((p.name, s.st_ctime_ns, s.st_ino, s.st_size) for p, s in found)

    def _take(self, folder: Path) -> None:
        if self._models is not None and read_champion(self._models) is None:
            load_champion(self._models)  # says why there is nothing to serve
        sealed = seal(folder)
        if sealed not in self._tried:
            try_bundle(folder)
            self._tried.add(sealed)
        bundle = self._load(folder)
        self._serve(folder, bundle, sealed)
        self._live.refusal = None
        if self._good is not None:
            write_text(self._good, str(folder))

    def _serve(self, folder: Path, bundle: Bundle, sealed: str) -> None:
        if seal(folder) != sealed:
            raise BundleError(
                "CH406",
                f"{folder.name} changed while it was tried",
                why="what serves must be what was tried",
                fix="wait: the new one is tried next",
            )
        self._live.serving = make_serving(bundle, scores=self._scores)
        self._observer.serves(bundle)
        log.info("ready: model %s", bundle.model_version)

    def _load(self, folder: Path) -> Bundle:
        if self._models is None:
            return load_bundle(folder)
        return load_champion(self._models)[1]

    def _refuse(self, error: ChurnHealthError) -> None:
        self._live.refusal = error
        self._observer.refused_bundle(error.code)
        kept = self._live.serving
        after = f"; {kept.bundle.model_version} goes on serving" if kept else ""
        log.error("not served: [%s] %s%s", error.code, error.what, after)

    def _fall_back(self) -> None:
        """Serve what the others of this service still do, where nothing is served."""
        if self._live.serving or self._good is None or not self._good.exists():
            return
        folder = Path(self._good.read_text(encoding="utf-8"))
        try:
            sealed = seal(folder)
            try_bundle(folder)
            self._serve(folder, load_bundle(folder), sealed)
        except ChurnHealthError as error:
            log.error("not served instead: [%s] %s", error.code, error.what)


def no_bundle() -> BundleError:
    """Make the error of a service that was told of no bundle."""
    return BundleError(
        "CH405",
        "there is no bundle to serve",
        why="without a model there is nothing to answer with",
        fix="start with `churnhealth serve --bundle B` or `--champion`",
    )
