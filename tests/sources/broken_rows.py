"""Rows as they come broken out of other people's systems, and what each is told."""

from tests.sources.broken import (
    CONFIG,
    CONTRACTS,
    EVENTS,
    MAIL,
    WHO,
    Cases,
    more,
    query_of,
    swapped,
    table,
)

CASES = Cases()
refused, reported = CASES.refused, CASES.reported

# --- dates ---------------------------------------------------------------------------
DATES = {
    "contracts.csv": "2025-01-01",
    "events.csv": "2025-03-01",
    "states.csv": "2025-03-01",
}
NO_DATES = {
    "a word": "soon",
    "the 30th of February": "2025-02-30",
    "a leap day that never was": "2025-02-29",
    "the year 0": "0000-01-01",
    "the year 9999": "9999-12-31",
    "a day-first date among others": "13-03-2025",
    "a date with slashes": "3/13/2025",
    "a spreadsheet's number": "45717",
    "a number of seconds": "1740787200",
    "an e-mail address": MAIL,
    "a 25th hour": "2025-03-01 25:00:00",
    "a formula": "=TODAY()",
}
for turn, (words, bad) in enumerate(NO_DATES.items()):
    name = list(DATES)[turn % 3]
    refused(f"{name} has {words} for a date", "CH104", swapped(name, DATES[name], bad))
for name, day in DATES.items():
    refused(f"{name} lacks a date", "CH106", swapped(name, day, ""))
refused("an agreed end is a word", "CH104", swapped("contracts.csv", "2026-01-01", WHO))
FORMAT = (
    'path = "events.csv"',
    'path = "events.csv"\nformats = { happened_at = "%d-%m-%Y" }',
)
refused(
    "dates are written in two ways",
    "CH104",
    swapped("events.csv", "2025-03-01", "01-03-2025"),
    FORMAT,
)
refused(
    "a format names a column that is not there",
    "CH102",
    {},
    ('path = "events.csv"', 'path = "events.csv"\nformats = { when = "%d" }'),
)

# --- numbers -------------------------------------------------------------------------
NO_COUNTS = {
    "below zero": "-1",
    "a half": "1.5",
    "infinite": "inf",
    "larger than any count": "1" + "0" * 30,
    "a word": "many",
    "a name": WHO,
    "with a thousands separator": "1 000",
    "a formula": "=1+1",
    "hexadecimal": "0x10",
}
for words, bad in NO_COUNTS.items():
    refused(
        f"a count is {words}",
        "CH104",
        swapped("events.csv", ",login,1,", f",login,{bad},"),
    )
NO_AMOUNTS = {
    "infinite": "-inf",
    "beyond any float": "1e999",
    "too large": "1e30",
    "with a currency sign": "$2.50",
    "with a thousands separator": '"1,000.50"',
    "with a decimal comma": '"2,5"',
    "in brackets": "(2.50)",
    "a percentage": "25%",
    "a name": WHO,
}
NUMBERS = {"events.csv": ",2.5,", "states.csv": ",7,", "contracts.csv": ",10,"}
for turn, (words, bad) in enumerate(NO_AMOUNTS.items()):
    name = list(NUMBERS)[turn % 3]
    files = swapped(name, NUMBERS[name], f",{bad},")
    refused(f"{name} has a number that is {words}", "CH104", files)
refused("seats are a word", "CH104", swapped("contracts.csv", ",5,", ",five,"))
BIG = "a1,2025-03-01,login,1,900000000000000,u,x\n" * 6000
refused("amounts cannot be added up exactly", "CH110", {"events.csv": EVENTS + BIG})
reported("a state is NaN", "CH221", swapped("states.csv", ",7,", ",nan,"))
refused("a state is empty", "CH106", swapped("states.csv", ",7,", ",,"))
refused("a state has no name", "CH106", swapped("states.csv", ",nps,", ",,"))

# --- rows that contradict each other -------------------------------------------------
refused(
    "an account stands twice",
    "CH107",
    more("accounts.csv", f"a1,{WHO},small,{MAIL},x,{MAIL},4711-0815"),
)
refused(
    "no event is of a known account",
    "CH112",
    table("events.csv", lambda t: t.replace("\na", "\nz")),
)
reported(
    "most events are of unknown accounts",
    "CH215",
    more("events.csv", *["zz,2025-03-01,login,1,1,u,sesame"] * 9),
)
reported("ids differ by case", "CH215", swapped("events.csv", "\na1", "\nA1"))
reported(
    "a contract ends before it starts",
    "CH202",
    swapped("contracts.csv", "2026-01-01", "2024-01-01"),
)
reported(
    "contracts overlap",
    "CH204",
    more("contracts.csv", "a1,2025-06-01,2026-06-01,10,5,pro,x"),
)
reported(
    "a contract stands twice", "CH203", more("contracts.csv", CONTRACTS.splitlines()[1])
)
reported(
    "an event lies in the future",
    "CH205",
    more("events.csv", "a1,2031-01-01,login,1,1,u,sesame"),
)
reported(
    "an event long precedes the first contract",
    "CH206",
    more("events.csv", "a1,2019-01-01,login,1,1,u,sesame"),
)
reported(
    "an event long follows the last contract",
    "CH220",
    more("contracts.csv", "a3,2025-01-01,2025-02-01,1,1,pro,x")
    | more("accounts.csv", "a3,x,y,z,g,m,p")
    | more("events.csv", "a3,2025-09-01,login,1,1,u,x"),
)
reported(
    "no contract is of an account",
    "CH223",
    more("accounts.csv", f"a9,{WHO},small,x,y,z,p"),
)
reported(
    "nothing is done by an account",
    "CH217",
    more("accounts.csv", f"a9,{WHO},small,x,y,z,p"),
)
ONCE = {"events.csv": EVENTS.replace("text", "event_id", 1)}
reported("an event's id is used twice", "CH201", ONCE)
ATTRIBUTE = (
    'path = "accounts.csv"',
    'path = "accounts.csv"\nattributes = ["segment", "phone"]',
)
reported("an attribute is the same for all", "CH216", {}, ATTRIBUTE)
reported("an attribute carries no date", "CH219", {}, ATTRIBUTE)
refused(
    "an attribute is not there",
    "CH102",
    {},
    ('path = "accounts.csv"', 'path = "accounts.csv"\nattributes = ["mood"]'),
)
reported(
    "people are hardly ever known",
    "CH218",
    table("events.csv", lambda t: t.replace(MAIL, "")),
)
reported(
    "a column is all empty",
    "CH259",
    table("events.csv", lambda t: t.replace(MAIL, "").replace("user_id", "users")),
)
SKEWED = table(
    "events.csv",
    lambda t: t.replace("text", "known_at", 1).replace("sesame", "2024-12-01"),
)
reported("clocks disagree", "CH207", SKEWED)
reported(
    "rows arrive late",
    "CH208",
    table(
        "events.csv",
        lambda t: t.replace("text", "known_at", 1).replace("sesame", "2025-06-01"),
    ),
)
reported(
    "outcomes are read beyond the end of the data",
    "CH224",
    {},
    (CONFIG, CONFIG + '[question]\ndata_until = "2035-01-01"\n'),
)
reported(
    "a stop is booked ahead, and nobody says when that was known",
    "CH224",
    table(
        "contracts.csv",
        lambda t: (
            t.replace("note", "cancelled_at", 1)
            .replace(WHO, "2025-12-01")
            .replace(MAIL, "")
        ),
    ),
)
reported(
    "a churn flag contradicts the contracts",
    "CH222",
    table(
        "accounts.csv",
        lambda t: t.replace("phone", "churned").replace("4711-0815", "true"),
    ),
)


# --- odd ones ------------------------------------------------------------------------
refused(
    "a query asks a file without names",
    "CH105",
    {"t.csv": EVENTS.split("\n", 1)[1]},
    query_of("events.csv", "select account_id from read_csv('{root}/t.csv')"),
)
refused(
    "a query casts a person to a number",
    "CH105",
    {},
    query_of(
        "events.csv",
        "select account_id, happened_at, text::int as count"
        " from read_csv('{root}/events.csv')",
    ),
)
refused(
    "a cell is longer than a line may be", "CH111", more("events.csv", "a" * 3_000_000)
)
reported(
    "an id would paint the terminal",
    "CH215",
    more("events.csv", *["\x1b[31mred,2025-03-01,login,1,1,u,sesame"] * 2),
)
refused(
    "the name of a column would paint the terminal",
    "CH102",
    {"t.csv": EVENTS.replace("text", "\x1b[31mtext", 1)},
    (
        'path = "events.csv"',
        'path = "t.csv"\n'
        'columns = { account_id = "kunde", happened_at = "happened_at" }',
    ),
)
reported(
    "the name of an event would paint the terminal",
    "CH201",
    table(
        "events.csv",
        lambda t: t.replace("text", "event_id", 1).replace("login", "\x1b[31m"),
    ),
)
