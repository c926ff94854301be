"""Findings of values: what a number stands for, and whether it can be.

A part of the list in `finding_codes`.
"""

from __future__ import annotations

from collections.abc import Mapping

from churnhealth.sources.finding_code import Code, code

__all__ = ["VALUE_CODES"]

VALUE_CODES: Mapping[str, Code] = {
    "CH264": code(
        "advice",
        False,
        "a state that may be the seats",
        "without seats no share of them in use and no price of one is known",
        "if it says how many seats an account has, name it on the source: seats ="
        ' "licences"; if it says how many are used, nothing need be done',
    ),
    "CH265": code(
        "warning",
        False,
        "several surveys in one state",
        "a 5 of 5 and a 5 of 10 are averaged, and a change of survey reads as a change"
        " of mind",
        "map `state` to the column that says which survey a row answers; where there"
        " is none, give each survey as a source of its own",
    ),
    "CH266": code(
        "warning",
        False,
        "a survey that changes its scale",
        "from one day on everybody seems to have become less content, or more, and"
        " averages mix both",
        "bring both onto one scale in `sql`, or give them two names: case when day <"
        " '2025-03-01' then 'csat 10' else 'csat 5' end as question",
    ),
    "CH267": code(
        "warning",
        False,
        "answers that stand there twice",
        "each counts twice in averages, and more where it was exported more often",
        "load each export once, or `select distinct` in `sql`; if several people"
        " answered alike, nothing need be done",
    ),
    "CH268": code(
        "warning",
        False,
        "use of less than nothing",
        "what is below zero takes away from the use beside it, in sums, means and"
        " trends",
        "correct what was subtracted the wrong way round, or leave the rows out with"
        " `where`",
    ),
    "CH270": code(
        "warning",
        False,
        "a `user_id` that is no person's",
        "active users, their share of the seats and lost champions then count something"
        " else, and sentences tell it as people",
        "map the column that says who did it, or leave `user_id` out; if each person is"
        " an account, or is seen once only, nothing need be done",
    ),
    "CH271": code(
        "warning",
        False,
        "names of events or states that name none",
        "what happens once, or to one account alone, tells nothing of the others: no"
        " feature can be learned from such a name, and the true names are not read",
        "map `event` (or `state`) to the column that says what kind of thing it is, or"
        " leave it out; what it was done on is `item`",
    ),
    "CH272": code(
        "warning",
        False,
        "numbers that seem to be something else",
        "sums, the share of seats in use, prices and terms are features, and are wrong"
        " for everybody",
        "map the column that holds them, or leave them out; `term_months` is in months"
        " and `value` the money of all seats: divide or multiply in `sql`; of versions"
        ' say their order: levels = { "3.9" = 39, "3.10" = 310 }',
    ),
    "CH273": code(
        "warning",
        False,
        "settings that nothing reads",
        "what was asked for with them is not done, and no figure shows it",
        "ask the question that reads them ([question] kind), map what they are for, or"
        " remove them",
    ),
    "CH274": code(
        "warning",
        False,
        "a status that is written over",
        "a row says what became of it, dated to the day it began: training learns from"
        " what nobody could know then, and today's rows say something else",
        "leave it out of `columns`, and map the day on which it was over to `ended_at`;"
        " or give each change of it as a row of its own day",
    ),
    "CH278": code(
        "warning",
        False,
        "a year's price where a month's is meant",
        "`value` is money per month: the value at risk, expected losses and the price"
        " of a seat are then twelve times what they are",
        "divide it in `sql`: select *, ARR / 12 as mrr; if the query has divided it"
        " already, give it another name",
    ),
    "CH279": code(
        "warning",
        False,
        "sums of weeks or months that are dated to their first day",
        "such a row knows what came after it, and the newest, of which part is yet to"
        " come, reads as use that fell",
        'date them to their last day, in `sql`: "week" + 6, or last_day("month"), and'
        " leave the unfinished one out; if each is of that day alone, nothing need be"
        " done",
    ),
    "CH280": code(
        "warning",
        False,
        "accounts of which every row stands there twice",
        "whatever they do counts double: a join finds several rows for one account",
        "join a table with one row for each account: select distinct, or qualify"
        " row_number() over (partition by id order by valid_from desc) = 1; or map"
        " `event_id`, and repeats are dropped",
    ),
    "CH281": code(
        "warning",
        False,
        "an event that goes on when its accounts have stopped",
        "where churn is silence it keeps active, and so with us for ever, whoever left",
        "leave it out if no person does it (a message that was sent, a job of the"
        " night): where = \"event <> 'Push Received'\"",
    ),
    "CH282": code(
        "warning",
        False,
        "files of a source that lack a column",
        "what it says is missing in all their rows, and every feature made of it"
        " changes from one file to the next",
        "name the column in all files as it is in the others, or bring the names"
        " together in `sql`: coalesce(amount, total) as amount; files of different"
        " things (logins, orders) are sources of their own",
    ),
    "CH283": code(
        "advice",
        False,
        "events of a kind that never ends, among others that do",
        "they count as open for ever, and the oldest open one is as old as they are",
        "give them as a source of their own, without `ended_at`",
    ),
    "CH284": code(
        "warning",
        False,
        "ids that stand for nothing",
        "all rows without an id become those of one account, or of one person in every"
        " account",
        'say so, and such cells are empty: missing = ["NULL"]; leave rows without an'
        " account out with `where`",
    ),
    "CH285": code(
        "warning",
        False,
        "contracts of today's customers alone",
        "whoever left has no contract any more, so hardly anybody seems to leave and"
        " every chance is too low",
        "give the contracts of former customers too: take out what keeps the active"
        " ones alone; if these were never customers, leave their use out",
    ),
    "CH292": code(
        "warning",
        False,
        "days of a spreadsheet that lie four years before all other rows",
        "a workbook that counts from 1904 has numbers of days that are 1,462 smaller:"
        " nothing in it then belongs to the days that are scored",
        'read them as what they are: formats = { day = "spreadsheet days 1904" }; if'
        " they are of that time, nothing need be done",
    ),
    "CH293": code(
        "warning",
        False,
        "rows that their table calls deleted, or deals that are not won",
        "a contract that was entered twice, withdrawn or never signed is cover and"
        " value that never was; an event that was taken back counts",
        "leave them out with `where`: IsDeleted = 'false', StageName = 'Closed Won'; a"
        " day on which cover stopped is `cancelled_at`; what happened all the same may"
        " stay",
    ),
    "CH294": code(
        "warning",
        False,
        "contracts whose end is moved on at each renewal",
        "the longer the account is there the longer its term reads, so terms are taken"
        " for a sign of who stays, and renewals and changes of price are missing",
        "give each term a start of its own in `sql`, the end of the term before"
        " (docs/your-data.md); if whole terms were lengthened, nothing need be done",
    ),
    "CH295": code(
        "warning",
        False,
        "contracts that cost nothing, among paid ones",
        "a trial is asked about and mostly ends, and whoever stops paying and goes on"
        " for nothing is covered: none of them leaves",
        'leave them out: where = "value > 0" in their own columns, and leave their'
        " use in; if free accounts are those you would miss, nothing need be done",
    ),
}
"""Those of values, by code."""
