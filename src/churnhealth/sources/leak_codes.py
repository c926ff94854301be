"""Findings of features, ranking and question: what tells the outcome, or misses it.

A part of the list in `finding_codes`.
"""

from __future__ import annotations

from collections.abc import Mapping

from churnhealth.sources.finding_code import Code, code

__all__ = ["LEAK_CODES"]

LEAK_CODES: Mapping[str, Code] = {
    "CH225": code(
        "warning",
        False,
        "a feature that alone tells the outcome",
        "a column that ranks leavers this well was most likely written after the fact:"
        " the model would look perfect and be useless",
        "look when the column was filled; leave it out ([features] exclude), or accept"
        " it if it was truly known before",
    ),
    "CH226": code(
        "warning",
        False,
        "account ids that sort by outcome",
        "the file was written class by class, so its order tells what it should not",
        "take accounts from the system that creates them, not from a list of leavers",
    ),
    "CH227": code(
        "warning",
        False,
        "an event, state, plan, price or level that only leavers have",
        "it is part of leaving, not a sign before it",
        "leave it out (an event by `where` of its source, else [features] exclude), or"
        " check that it is recorded before the decision; where it is how people leave,"
        " give it as `cancelled_at` of contracts",
    ),
    "CH228": code(
        "warning",
        False,
        "agreed ends that were overwritten with the day of leaving",
        "the days to renewal, or the term, then tell who will leave",
        "map the agreed end to `end`, the agreed term to `term_months`, and the day"
        " cover stopped to `cancelled_at`",
    ),
    "CH229": code(
        "warning",
        False,
        "a state that is dated back to the first day",
        "it says what became of the account before it could be known",
        "map `known_at` to the day the value was written",
    ),
    "CH230": code(
        "warning",
        False,
        "accounts of one group that leave together",
        "a split that parts a group tests on what was learned",
        "set [backtest] disjoint_groups = true and read that figure",
    ),
    "CH231": code(
        "warning",
        False,
        "a source much of which was known on one day",
        "a dump at one cut-off knows what came after every earlier date; where it is"
        " the day of a load, nothing can be learned from what was there before it",
        "give it as a history with the day each row was known; of rows that were loaded"
        " long after, leave `known_at` empty where they were there in time",
    ),
    "CH232": code(
        "warning",
        False,
        "a ranking that does not depend on the date",
        "it tells who leaves, not when: what never changes, or was written over"
        " afterwards, carries it",
        "see which features carry it; give attributes as states with their days",
    ),
    "CH247": code(
        "warning",
        False,
        "rows that leavers have lost",
        "who left was deleted or not exported: a model learns that whoever has rows"
        " stays, and of today's accounts all have",
        "export the history of former customers too, or leave the source out",
    ),
    "CH248": code(
        "warning",
        False,
        "renewals known before the term that they follow",
        "who will renew is then known from the first day, and who has no further term"
        " leaves",
        "map `known_at` to the day each term was signed, not to that of the first one;"
        " without it a term is known on its start",
    ),
    "CH250": code(
        "warning",
        False,
        "a ranking that is too good to be true",
        "no history of customers tells so surely who will leave: something in it was"
        " written afterwards, and today's accounts have none of it",
        "see which features carry it (`explain`, or the model's page); leave out what"
        " is recorded, changed or deleted when somebody leaves",
    ),
    "CH251": code(
        "warning",
        False,
        "an attribute that adds up a source to its last row",
        "at every earlier date it says how much more the account was going to do: who"
        " leaves does less, and today's accounts have no such figure",
        "leave it out (features count the same rows as known on each date), or give it"
        " as a state with the day each figure was known",
    ),
    "CH252": code(
        "warning",
        False,
        "accounts that are there twice",
        "one is learned from and its twin judged, so figures flatter; and both are"
        " scored, called and counted",
        "keep one of each in [sources.accounts], or map `group` to what they share and"
        " set [backtest] disjoint_groups = true",
    ),
    "CH256": code(
        "warning",
        False,
        "stops that were known on the contract's first day",
        "who was given notice is announced, and not scored: where it was written"
        " back, the leavers are taken out beforehand and those who stay are scored",
        "map `notice_at` to the day you learned of it, not to a day of the contract;"
        " without it a stop is known on `cancelled_at`",
    ),
    "CH260": code(
        "error",
        True,
        "an accounts source without those who left",
        "their contracts are left out, so fewer seem to leave than do, and every chance"
        " is too low",
        "add the former customers to the accounts source, or take the accounts from the"
        " other tables: leave [sources.accounts] out; ids of nobody (visitors who never"
        " signed in) are left out with `where`",
    ),
    "CH263": code(
        "warning",
        False,
        "churn that the question never meets",
        "no day asks about them: they are not learned from, not scored, and missing"
        " from every churn rate",
        "ask the question `horizon`; say how often contracts without an end renew:"
        " [sources.contracts] renews_months = 12; where a term may be left every year,"
        " give each year as a term of its own, known from when it could no longer be"
        " left",
    ),
    "CH269": code(
        "warning",
        False,
        "customers without an end where renewals are asked about",
        "who has no agreed end is never up for renewal: not learned from, not scored",
        "if such contracts renew by themselves say how often: [sources.contracts]"
        " renews_months = 12; if they may end on any day ask the question `horizon`",
    ),
    "CH275": code(
        "error",
        True,
        "stops that have no effect, since another row of the term goes on",
        "rows side by side are covered as long as one of them is: who stopped early is"
        " scored on, announced stops are not known, and both are learned from",
        "where each row is a change of a contract, map `contract_id` and, as `known_at`"
        ", the day it was written: the one known last then holds; or keep the last row"
        " of each term in `sql`",
    ),
    "CH276": code(
        "warning",
        False,
        "accounts whose people go on in another account",
        "a customer that was merged, or moved to its parent, is learned as lost",
        "give all rows of both the id of the account that goes on, in the `sql` of"
        " every source",
    ),
    "CH277": code(
        "warning",
        False,
        "an event after which cover ends",
        "a status that was written over knows what came after the day of its row; what"
        " announces that an account leaves is no sign of it",
        "leave out what is written over (`status` of invoices); give a notice, or the"
        " wish to cancel, as `notice_at` of the contract",
    ),
    "CH290": code(
        "advice",
        False,
        "an attribute without a date that tells much of who left",
        "it holds for all of history: what was written, or written over, when they"
        " left tells it at every date before, and is not there for today's accounts",
        "see when it is written: give what changes as states with their days, and"
        " leave out what is changed when somebody leaves; what is settled at the"
        " beginning, such as a size, may stay",
    ),
    "CH286": code(
        "error",
        True,
        "contracts that are first known when they stop",
        "until then the account is looked at on no date, so most of who left is"
        " learned nowhere, and every chance is too low",
        "map `known_at` to the day the contract was signed or entered, not to that of"
        " the row's last change (`updated_at`); without it a contract is known on its"
        " start",
    ),
    "CH287": code(
        "warning",
        False,
        "patterns of features that fit none",
        "what was to be left out is still learned from, or what was to be kept is not",
        "correct `include` and `exclude`; `churnhealth features` lists the names",
    ),
    "CH291": code(
        "warning",
        False,
        "an event, state or discount that nobody has who leaves",
        "what is written at a renewal, and dated before it, tells who will renew; of"
        " those whose renewal is ahead none has it yet",
        "see when it is written, and leave it out if that is later than its date; if"
        " it says that they have renewed, give that day as `known_at` of the new term",
    ),
}
"""Those of leaks, by code."""
