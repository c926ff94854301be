"""The verb that lists what a run asks people to do."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from churnhealth.archive.plain import plain_rows
from churnhealth.archive.runs import current_folder
from churnhealth.errors import RequestError
from churnhealth.said import many
from churnhealth.sources.engine import read_table

__all__ = ["list_tasks", "tasks_text"]


def list_tasks(scores: Path, *, owner: str | None = None) -> dict[str, Any]:
    """List the tasks that the newest run began, all or those of one owner.

    Raises
    ------
    RequestError
        CH501 without a run, CH542 where it was scored without playbooks.
    """
    folder = current_folder(scores)
    file = folder / "tasks.parquet"
    if not file.is_file():
        raise RequestError(
            "CH542",
            f"the run of {folder.name} was scored without playbooks",
            why="no task began, which is not the same as nothing to do",
            fix="write [[playbooks]] into the configuration and score again",
        )
    rows = plain_rows(read_table(file))
    if owner is not None:
        rows = [row for row in rows if row["owner"] == owner]
    return {"schema_version": 1, "as_of": folder.name, "tasks": rows}


def tasks_text(told: dict[str, Any]) -> str:
    """Lay the tasks out to be read: a heading per playbook, two lines per account.

    >>> task = {"playbook": "call", "do": "Call", "account_id": "a1", "name": "Nord",
    ...         "owner": None, "due_on": "2026-01-08", "because": "Critical, was Watch"}
    >>> print(tasks_text({"as_of": "2026-01-01", "tasks": [task]}))
    1 task begun on 2026-01-01
    <BLANKLINE>
    call: Call
      a1 · Nord · by 2026-01-08
        Critical, was Watch
    """
    tasks = told["tasks"]
    lines = [f"{many(len(tasks), 'task')} begun on {told['as_of']}"]
    for (name, do), rows in groupby(
        tasks, key=lambda row: (row["playbook"], row["do"])
    ):
        lines += ["", f"{name}: {do}"]
        for row in rows:
            who = " · ".join(
                str(row[key])
                for key in ("account_id", "name", "owner")
                if row[key] is not None
            )
            lines += [f"  {who} · by {row['due_on']}", f"    {row['because']}"]
    return "\n".join(lines)
