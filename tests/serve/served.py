"""What the tests of the service share: a strict reader, a client, raw rows."""

import hashlib
import json
import warnings
from datetime import date

from churnhealth.config import Serve
from churnhealth.serve.api import create_app

with warnings.catch_warnings():  # it asks for httpx2, which BentoML does not know yet
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

AS_OF = date(2025, 9, 1)
SETTINGS = Serve(max_body_mb=2, max_accounts=50)


def strict(text):
    """Parse an answer as a strict reader would."""

    def never(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=never)


def client_of(live, *, observer=None, settings=SETTINGS, **given):
    """Call an application in process, under a name it is known by."""
    app = create_app(live, settings, observer=observer)
    return TestClient(app, base_url="http://127.0.0.1:3000", **given)


def post(client, path, body):
    """Send a value as JSON."""
    return client.post(
        path, content=json.dumps(body), headers={"content-type": "application/json"}
    )


def bent_copy(source, folder, bend):
    """Copy a bundle, bend what it says and its trees, and make all hashes fit."""
    described = json.loads((source / "bundle.json").read_text())
    bent = bend(described, (source / "model.txt").read_text())
    described["model_sha256"] = hashlib.sha256(bent.encode()).hexdigest()
    texts = {"bundle.json": json.dumps(described, indent=1, sort_keys=True) + "\n"}
    texts["model.txt"] = bent
    files = {
        name: {
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "size": len(text.encode()),
        }
        for name, text in texts.items()
    }
    manifest = json.loads((source / "MANIFEST.json").read_text()) | {"files": files}
    texts["MANIFEST.json"] = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


class RawRows:
    """What an app would send: the files' own rows under our names, nothing more."""

    def __init__(self, config):
        from churnhealth.sources.engine import connect, literal, quoted

        self.attributes = config.sources.accounts.attributes
        self.rows = {"events": {}, "states": {}}
        with connect() as con:

            def read(source, columns):
                inner = f"({(source.sql or '').replace('{root}', str(config.root))})"
                if source.sql is None:
                    inner = f"read_csv({literal(str(config.root / source.path))})"
                wanted = ", ".join(
                    f"cast({quoted(theirs)} AS varchar) AS {quoted(ours)}"
                    for ours, theirs in columns.items()
                )
                found = con.execute(f"SELECT {wanted} FROM {inner} AS given")
                names = [d[0] for d in found.description]
                groups = {}
                for values in found.fetchall():
                    row = spoken(zip(names, values, strict=True))
                    groups.setdefault(row.pop("account_id"), []).append(row)
                return groups

            s = config.sources
            same = {name: name for name in self.attributes}
            self.profiles = read(s.accounts, {**s.accounts.columns, **same})
            self.contracts = read(s.contracts, s.contracts.columns)
            for kind in ("events", "states"):
                for source in getattr(s, kind):
                    self.rows[kind][source.name] = read(source, source.columns)

    def account(self, account_id):
        """Give one account's body."""
        told = {
            kind: [
                {"source": name, **row}
                for name, groups in sources.items()
                for row in groups.get(account_id, [])
            ]
            for kind, sources in self.rows.items()
        }
        return {
            "account_id": account_id,
            "profile": self.profiles[account_id][0],
            "contracts": self.contracts.get(account_id, []),
            **told,
        }


NUMBERS = {"value", "seats", "discount", "term_months", "count", "amount", "users"}


def spoken(cells):
    """Write numbers as numbers; leave out what is empty."""
    row = {name: text for name, text in cells if text is not None}
    return {
        name: json.loads(text) if name in NUMBERS else text
        for name, text in row.items()
    }
