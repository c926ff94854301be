"""The list of all findings: how bad each is, why it matters and how to mend it.

``docs/findings.md`` explains every one, and a test holds the two lists together.
"""

from __future__ import annotations

from collections.abc import Mapping

from churnhealth.sources.finding_code import Code, code
from churnhealth.sources.leak_codes import LEAK_CODES
from churnhealth.sources.value_codes import VALUE_CODES

__all__ = ["CODES"]

CODES: Mapping[str, Code] = {
    **LEAK_CODES,
    **VALUE_CODES,
    "CH201": code(
        "warning",
        False,
        "event ids that occur more than once",
        "a repeated event counts twice and looks like more use",
        "repeats inside one account are already dropped, the earliest known is kept;"
        " where an id is that of several rows, as an order's is, leave `event_id` out;"
        " where later rows correct earlier ones, give the difference, or the last row",
    ),
    "CH202": code(
        "error",
        True,
        "contract dates that contradict each other",
        "the end of cover is the label: a wrong end is a wrong outcome",
        "correct the rows, or leave them out with `where`; after a notice give the day"
        " cover stops to `cancelled_at`",
    ),
    "CH203": code(
        "warning",
        False,
        "the same contract row more than once",
        "a repeated term counts as a renewal that never was",
        "remove the repeats, or make the query `select distinct`",
    ),
    "CH204": code(
        "warning",
        False,
        "contracts of one account that overlap",
        "an add-on that is always there hides that the base contract ended, and the"
        " values and seats of rows side by side add up, also of a term and what"
        " replaced it",
        "say with `where` which rows are the base contract, end what was replaced, and"
        " let a renewal that was agreed early `start` at the end before it, with its"
        " `known_at`; what remains is one period, rightly so of several products",
    ),
    "CH205": code(
        "error",
        True,
        "rows from the future",
        "a date that has not been is a typing or time-zone error, and pushes the end"
        " of the data",
        "correct the dates; mark sources of booked dates with `planned = true`",
    ),
    "CH206": code(
        "error",
        True,
        "use before the first contract",
        "rows that predate the customer belong to someone else or carry wrong dates,"
        " so whatever is learned from them is noise",
        "correct the join between use and account or the start of the contract; use in"
        " a trial may stay (as contracts, trials would be asked about too)",
    ),
    "CH207": code(
        "warning",
        False,
        "rows known before they happened",
        "clocks that disagree put rows on the wrong side of a date; we take"
        " happened_at as the earliest day such a row could be known",
        "correct the clock or the mapping (`timezone` names the zone of times without"
        " an offset); mark booked dates with `planned = true`",
    ),
    "CH208": code(
        "advice",
        False,
        "rows that arrive late",
        "yesterday's numbers are not complete yet when the model is asked",
        "nothing to mend: late rows are handled exactly; shorten the way from event"
        " to table if the lag is long",
    ),
    "CH209": code(
        "advice",
        False,
        "no known_at: the default is used",
        "without it we must trust that every row was there the day it happened;"
        " corrections made later leak into the past",
        "map `known_at` to the load or arrival time, or set `[sources]"
        " known_at_lag_days`",
    ),
    "CH210": code(
        "warning",
        False,
        "days or months without a single row",
        "a recording that stopped reads as customers who fell silent",
        "load the missing days again, or start the snapshots after the gap",
    ),
    "CH211": code(
        "advice",
        False,
        "how much of the time and the accounts a source covers",
        "features of a source are missing wherever it does not reach",
        "nothing to mend if it is as you expect it",
    ),
    "CH212": code(
        "warning",
        False,
        "a source that starts or stops inside the period",
        "silence before a source began or after it stopped is not the customer's",
        "load the whole period, or move `[snapshots] from`; windows that are not"
        " covered are missing, not zero; give a tool and the one that took its place as"
        " one source",
    ),
    "CH213": code(
        "warning",
        False,
        "a churn flag that contradicts the contracts",
        "one of the two is wrong, and the contracts decide the label",
        "find out which is right before you trust either",
    ),
    "CH214": code(
        "error",
        True,
        "an attribute that is filled only after churn",
        "it tells the outcome: the model would look perfect and be useless",
        "remove it from `attributes`; if it is the segment, map another column",
    ),
    "CH215": code(
        "warning",
        False,
        "rows of accounts that are not in the accounts source",
        "their use is lost; they were left out",
        'add the accounts, or write ids alike: `formats` takes "lower" and "00000"',
    ),
    "CH216": code(
        "advice",
        False,
        "an attribute that tells nobody apart",
        "nothing is learned from it",
        "remove it from `attributes`; or make plain numbers or groups of it in `sql`",
    ),
    "CH217": code(
        "advice",
        False,
        "accounts without any event",
        "what they do is unknown: a contract alone tells little, and without one"
        " they are asked about on no day",
        "check that their ids are written alike in all sources",
    ),
    "CH218": code(
        "advice",
        False,
        "users mapped but hardly ever filled",
        "active users and lost champions cannot be seen",
        "fill `user_id`, or leave it out of `columns`",
    ),
    "CH219": code(
        "advice",
        False,
        "attributes without known_at",
        "their last value is used for all of history, and may hold what was learned"
        " after the outcome",
        "keep only attributes that never change, or give changing ones as states",
    ),
    "CH220": code(
        "warning",
        False,
        "events after the last cover ended",
        "who goes on as before has not left: a contract that renews without a new row"
        " reads as churn",
        "compare the ends with the invoices; give a row for each term of what renews by"
        " itself; use may also be somebody else's, or a late return",
    ),
    "CH221": code(
        "warning",
        False,
        "states without a value",
        "a state that is not known cannot hold; the rows were left out",
        "fill the value, or leave the rows out with `where`",
    ),
    "CH222": code(
        "advice",
        False,
        "columns that know the outcome",
        "they are not used, and must not be: they are filled in after the fact",
        "leave them out of `attributes`; where a row of contracts tells of a"
        " cancellation, let it be the `cancelled_at` of the terms that it stops",
    ),
    "CH223": code(
        "advice",
        False,
        "accounts without any contract",
        "they are never covered, so they are neither trained on nor scored",
        "add their contracts, let `where` leave out less, or write ids alike (CH215)",
    ),
    "CH224": code(
        "error",
        True,
        "outcomes are read beyond the end of the data",
        "after the files stop nobody renews: everyone would be labelled as lost",
        "set [question] data_until to the day the extract reaches to, or map `known_at`"
        " of contracts, and `notice_at` of stops, that were booked ahead",
    ),
    "CH233": code(
        "warning",
        False,
        "agreed ends that only those who left have",
        "an end that is filled in when somebody leaves, or moved on at every renewal,"
        " tells who will leave",
        "give one row per term; or leave `end` out, map `cancelled_at` and ask"
        " `horizon` (the end of a minimum term is then a planned event: your-data.md)",
    ),
    "CH234": code(
        "advice",
        False,
        "the store cannot be written",
        "every run reads and sorts the files again",
        "make room on the disk, or correct `[sources] store` and its permissions",
    ),
    "CH235": code(
        "advice",
        False,
        "more training rows than are learned from",
        "whole accounts are drawn by the seed, so that memory and time stay bounded",
        "nothing to mend; raise `[model] max_rows` where memory allows",
    ),
    "CH236": code(
        "advice",
        False,
        "what the contracts are worth",
        "`value` is money per month: cents or a year's price make every sum wrong",
        "if it is not what you expect: `formats` reads cents, `sql` divides by months",
    ),
    "CH237": code(
        "error",
        True,
        "ends that are the last day covered",
        "cover runs up to `end` and not over it: every renewal would count as churn",
        "set [question] gap_days to 1 or more, or give the day after as `end`",
    ),
    "CH238": code(
        "error",
        True,
        "money in several currencies",
        "every sum, price and loss adds up kronor and euros",
        "map the column to `currency` and give [company] rates = { EUR = 1, SEK ="
        " 0.088 }, or convert in `sql` and leave the column out",
    ),
    "CH239": code(
        "warning",
        False,
        "times with an offset among times without",
        "local times read as UTC lie hours away, some on another day: before they were"
        " known, or after the day that is scored",
        'name the zone of those without: timezone = "Asia/Tokyo" on the source; where'
        " each account has its own, make them UTC in `sql`",
    ),
    "CH240": code(
        "warning",
        False,
        "a base rate that has moved",
        "the model's level is the whole training period's: today's probabilities are"
        " too low or too high together",
        "see what changed; set `[calibration] base_rate` to `corrected` to follow it",
    ),
    "CH241": code(
        "advice",
        False,
        "contract rows that a later row replaced",
        "each holds from when it was known until the next was: what was booked wrongly"
        " and corrected was believed until then",
        "nothing to mend if these are corrections; terms that follow each other need"
        " starts of their own",
    ),
    "CH242": code(
        "warning",
        False,
        "rows of one contract side by side",
        "cover reaches to the furthest of their ends, and their values add up, also"
        " where one corrects the other",
        "add lines up to one row per contract (`sql`), or map `known_at` so that the"
        " later of two versions holds",
    ),
    "CH243": code(
        "warning",
        False,
        "contracts of less than nothing",
        "values at risk and expected losses add up to less than they are, and shares of"
        " seats turn round",
        "leave credits out with `where`, or add them to their term in `sql`",
    ),
    "CH244": code(
        "warning",
        False,
        "contract dates that look like placeholders",
        "the days to renewal, the length of the term and the age of the account are"
        " features, and these are none",
        'say what stands for nothing: missing = ["2099-12-31"] on the source; of a'
        " start give the true one",
    ),
    "CH245": code(
        "warning",
        False,
        "an event that stops for everybody",
        "what was renamed or switched off reads as customers who fell silent",
        "give both names one in `sql`: case event when 'New' then 'old' else event end"
        " as event; what is gone for good goes into `[features] exclude`; then train"
        " again",
    ),
    "CH246": code(
        "warning",
        False,
        "days that were loaded twice",
        "use looks twice as high on those days, and falls where they end",
        "map `event_id`, load each export once, or `select distinct` in `sql`",
    ),
    "CH249": code(
        "warning",
        False,
        "no model can be trained yet",
        "without known outcomes nothing can be learned or judged",
        "give a longer history, or ask about a shorter time",
    ),
    "CH253": code(
        "warning",
        False,
        "events with an amount of 0, where churn is silence",
        "a row of a nightly table for who did nothing counts as an event, and nobody"
        " ever falls silent",
        "map that number to `count` if 0 says that nothing happened; if such rows are"
        " real events, nothing need be done",
    ),
    "CH254": code(
        "warning",
        False,
        "accounts that another takes over on the day they end",
        "one customer under a new id, or merged into another, is learned as lost and as"
        " new; who has handed a contract on counts as having it",
        "give all rows of both the id that goes on, in the `sql` of every source; if"
        " they are two customers, end what moved where it was (`cancelled_at`)",
    ),
    "CH255": code(
        "advice",
        False,
        "contracts that end before the events do",
        "the newest outcomes are neither learned from nor judged",
        "if the contracts are complete up to a later day (that of the export), say it:"
        " [question] data_until",
    ),
    "CH257": code(
        "warning",
        False,
        "renewals or stops that were entered after their label had closed",
        "until they are entered a renewal reads as churn and a stop as a stay, so the"
        " newest labels of every training are partly wrong",
        "if `known_at` is the day of a row's last change, map that of its entry; else"
        " enter them sooner, or let [question] gap_days be as long as most took",
    ),
    "CH258": code(
        "warning",
        False,
        "use that fell for nearly everybody in one week",
        "customers leave one by one: where most fall at once rows were lost, or it was"
        " a holiday, and every one of them is scored as if on the way out",
        "compare the newest days of the file with the system they come from and load"
        " them again; of a holiday score the week before, with --as-of",
    ),
    "CH259": code(
        "warning",
        False,
        "mapped columns without a single value",
        "what they should say is missing everywhere: without a value no account has an"
        " expected loss",
        "map the column that holds it, or none; the formulas of a workbook are empty"
        " until a spreadsheet has computed and saved them",
    ),
    "CH261": code(
        "error",
        True,
        "rows that lie alone long before a source begins",
        "a source covers all days since its first row, so what was not recorded before"
        " it began is learned as silence",
        "correct their dates, or leave them out with `where`",
    ),
    "CH262": code(
        "warning",
        False,
        "accounts that are back soon after they left",
        "each is learned as lost and as new; where a period is missing nobody left",
        "load the periods that are missing, or let [question] gap_days be as long as"
        " nineteen in twenty were away; if they were won back, nothing need be done",
    ),
}
"""Every finding we can make, by code."""
