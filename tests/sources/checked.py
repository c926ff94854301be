"""What `check` finds of one code, and days to be written into a file."""

from datetime import date

from churnhealth.checks.check import check
from churnhealth.sources.load import load

TODAY = date(2026, 1, 1)


def found(config, code, *, today=TODAY):
    findings = check(config, load(config), today=today)
    return [f for f in findings if f.code == code]


def days(account, first, count, *, month="2025-03"):
    return "".join(f"{account},{month}-{d:02d}\n" for d in range(first, first + count))
