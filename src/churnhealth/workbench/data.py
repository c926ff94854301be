"""A company's data in memory: from frames, from a configuration, or simulated."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from importlib.resources import files
from numbers import Integral
from pathlib import Path
from typing import Any
from weakref import finalize

import numpy as np

from churnhealth.commands.look import look_into
from churnhealth.config import Config, parse_config, read_config
from churnhealth.frames import to_frame, written_frames
from churnhealth.gathering import check_sources, stop_at
from churnhealth.pages.render import render_card
from churnhealth.pipeline import build_panel, judge, train
from churnhealth.progress import Progress
from churnhealth.said import many
from churnhealth.simulated.company import simulate, write_company
from churnhealth.sources.contract import History, day_of
from churnhealth.sources.findings import Finding
from churnhealth.sources.load import Loaded
from churnhealth.workbench.arguments import Day, date_given, refuse_argument
from churnhealth.workbench.learned import Backtest, Model
from churnhealth.workbench.training import TrainingSet

__all__ = ["CompanyData", "company_data", "read_company", "simulate_company"]

Sections = Mapping[str, Any]


class CompanyData:
    """What a company gave us, read and checked; the start of everything else.

    Made by ``company_data``, ``read_company`` or ``simulate_company``. Methods take
    sections of the configuration as keywords, which replace keys of its own:
    ``data.backtest(backtest={"origins": "each"})``.
    """

    def __init__(
        self,
        config: Config,
        *,
        today: Day | None = None,
        made_in: Path | None = None,
    ) -> None:
        self.config = config
        self.today = date.today() if today is None else date_given(today)  # noqa: DTZ011
        if made_in is not None:  # files that were written for it go with it
            finalize(self, shutil.rmtree, made_in, ignore_errors=True)
        with Progress() as progress:
            self.loaded: Loaded
            self.findings: tuple[Finding, ...]
            self.loaded, self.findings = check_sources(
                config, today=self.today, progress=progress
            )

    @property
    def history(self) -> History:
        """The tables as the kernel reads them."""
        return self.loaded.history

    def check(self) -> Any:
        """List the findings as a frame, the worst first; ``stops`` says which stop.

        As ``churnhealth check`` does: what reading found, and what in the data tells
        the outcome (``findings`` holds the first alone).
        """
        with Progress() as progress:
            found = look_into(
                self.config, self.loaded, self.findings, progress=progress
            )
        worst = {severity: i for i, severity in enumerate(("error", "warning"))}
        ordered = sorted(found, key=lambda f: worst.get(f.severity, len(worst)))
        rows = [f.to_json() for f in ordered]
        names = ("code", "severity", "stops", "count", "example", "what", "fix")
        return to_frame({n: np.array([r[n] for r in rows]) for n in names})

    def training_set(self, **sections: Sections | str) -> TrainingSet:
        """Place the snapshots in question, label them, and compute their features.

        Raises ``SourceError`` CH150 where findings stop, ``TrainingError`` where no
        snapshot has a known outcome.
        """
        config = self._changed(sections)
        with Progress() as progress:
            panel = build_panel(config, self.history, progress=progress)
        return TrainingSet(panel, config)

    def backtest(self, **sections: Sections | str) -> Backtest:
        """Judge every scorer on the same honest folds."""
        config = self._changed(sections)
        with Progress() as progress:
            panel = build_panel(config, self.history, progress=progress)
            judged, report = judge(config, panel, progress=progress)
        return Backtest(panel, config, judged, report)

    def train(self, *, as_of: Day | None = None, **sections: Any) -> Model:
        """Judge the scorers on the past, then fit the chosen one on all of it."""
        config = self._changed(sections)
        with Progress() as progress:
            trained = train(
                config,
                self.loaded,
                self.findings,
                as_of=None if as_of is None else day_of(date_given(as_of)),
                progress=progress,
            )
        return Model(trained.bundle, trained.report)

    def _changed(self, sections: Mapping[str, Sections | str]) -> Config:
        config = _with_sections(self.config, sections)
        stop_at(self.findings, config)
        return config

    def __repr__(self) -> str:
        return f"CompanyData({self.config.company.name!r}, {', '.join(self._facts())})"

    def _facts(self) -> list[str]:
        history = self.history
        facts = [many(history.accounts.ids.size, "account")]
        if history.contracts is not None:
            facts.append(many(history.contracts.start.size, "contract term"))
        facts += [f"{log.account.size:,} {log.name}" for log in history.events]
        facts += [f"{log.account.size:,} {log.name}" for log in history.states]
        return facts

    def _repr_html_(self) -> str:
        stops = sum(f.stops for f in self.findings)
        foot = f"{many(len(self.findings), 'finding')}, {stops} of which stop training"
        return render_card(self.config.company.name, self._facts(), foot=foot)


def company_data(
    *,
    contracts: Any = None,
    accounts: Any = None,
    events: Mapping[str, Any] | None = None,
    states: Mapping[str, Any] | None = None,
    question: str | Sections = "renewal",
    today: Day | None = None,
    **sections: Sections,
) -> CompanyData:
    """Take a company's tables as data frames; columns are known by our names.

    ``contracts``: account_id, start, and if you have them end (the agreed one),
    cancelled_at, value (per month), currency (with ``company={"rates": {"EUR": 1,
    "SEK": 0.088}}``), seats, plan, term_months. ``accounts``:
    account_id, name, segment, owner; further columns become attributes. ``events``
    and ``states`` are frames by the name of their source: account_id and happened_at,
    with event, user_id, count, amount; account_id, known_at, value, and state where
    there are several. A column ``category`` says usage, value, experience or contract.
    ``question`` is a kind or a whole ``[question]`` section; further keywords are
    sections of the configuration.
    ``sources`` says more of the frames, by their names, as a file would:
    ``{"contracts": {"renews_months": 12}, "events": [{"name": "deadlines", "planned":
    True}], "states": [{"name": "billing", "seats": "licences"}]}``.

    Raises
    ------
    SourceError
        CH102 a required column is missing, CH801 no data frame, and as reading does.
    ConfigError
        CH003 the sections do not fit.

    >>> import pandas as pd
    >>> contracts = pd.DataFrame({"account_id": ["a", "b"],
    ...     "start": pd.to_datetime(["2024-01-01", "2024-02-01"]),
    ...     "end": pd.to_datetime(["2025-01-01", "2025-02-01"])})
    >>> company_data(contracts=contracts, today=date(2025, 6, 1))
    CompanyData('Company', 2 accounts, 2 contract terms)
    """
    with _place() as place:
        written = written_frames(
            place,
            accounts=accounts,
            contracts=contracts,
            events=events,
            states=states,
        )
        asked = {"kind": question} if isinstance(question, str) else question
        own = {"question": asked, "tracking": {"uri": ""}, **sections}
        own["sources"] = _said_more(written, sections.get("sources", {}))
        config = parse_config(own, folder=place)
    return CompanyData(config, today=today, made_in=place)


def read_company(path: str | Path, *, today: Day | None = None) -> CompanyData:
    """Read the sources of a ``churnhealth.toml``; raises as the commands do."""
    return CompanyData(read_config(path), today=today)


def simulate_company(
    *, accounts: int = 600, seed: int = 7, today: Day | None = None
) -> CompanyData:
    """Simulate a business-to-business company with three years of history.

    Its configuration and scorecard are those of ``churnhealth demo``.
    """
    until = date(2026, 1, 1) if today is None else date_given(today)
    for name, given, least in (("accounts", accounts, 1), ("seed", seed, 0)):
        if not isinstance(given, Integral) or given < least:
            raise refuse_argument(
                f"`{name}` cannot be {given!r}",
                fix=f"give a whole number of {least} or more",
            )
    with _place() as place:
        write_company(
            simulate(accounts=accounts, seed=seed, until=until),
            place / "data",
            file_format="parquet",
        )
        for name in ("demo.toml", "rules-simulated.toml"):
            text = files("churnhealth").joinpath(name).read_text(encoding="utf-8")
            text = text.replace(".csv", ".parquet")
            (place / name).write_text(text, encoding="utf-8")
        config = read_config(place / "demo.toml")
        config = _with_sections(config, {"tracking": {"uri": ""}})
    return CompanyData(config, today=until, made_in=place)


@contextmanager
def _place() -> Iterator[Path]:
    """Give a new folder, which goes again where what is done in it fails."""
    place = Path(tempfile.mkdtemp())
    try:
        yield place
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _said_more(written: Sections, given: Sections) -> Sections:
    """Add what is said of sources to those that frames were written to."""
    if not isinstance(given, Mapping):
        return given  # refused by name, as any other mistake is
    more: dict[str, Any] = {**written, **given}
    for kind in ("accounts", "contracts"):
        if isinstance(given.get(kind), Mapping):
            more[kind] = {**written.get(kind, {}), **given[kind]}
    for kind in ("events", "states"):
        named = {source["name"]: source for source in written[kind]}
        told = given.get(kind, ())
        if all(isinstance(source, Mapping) for source in told):
            for source in told:
                name = source.get("name")
                named[name] = {**named.get(name, {}), **source}
            more[kind] = list(named.values())
    return more


def _with_sections(config: Config, sections: Mapping[str, Sections | str]) -> Config:
    """Replace keys of a configuration, under its own rules."""
    if not sections:
        return config
    raw = config.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for name, given in sections.items():
        if name == "question":
            raw[name] = {"kind": given} if isinstance(given, str) else given
        elif not isinstance(given, Mapping):
            raw[name] = given  # refused by name, as any other mistake is
        else:
            raw[name] = {**raw.get(name, {}), **given}
    return parse_config(raw, folder=config.folder)
