"""Problems of the plot, campaign.yaml, for the catalogue (`drip.authoring.problems_catalogue`). Data only."""

from __future__ import annotations

from drip.authoring.explanation import Explanation
from drip.core.problems import Rank

PLOT_PROBLEMS = (
    Explanation(
        "bad-phrase",
        Rank.ERROR,
        "when, start, goal, stop, if, where, hours, length and late are written in a few fixed phrases, so that they "
        "read like English and mean one thing. The carets stand under the word that does not fit, and the help line "
        "says what would.",
        "when: 2 days later at 9:30",
    ),
    Explanation(
        "unknown-post",
        Rank.ERROR,
        "A post is named by its file in the campaign's folder, without .md. There is no file of this name.",
        "- send: own-the-mistake   # campaigns/six-deadly-mistakes/own-the-mistake.md",
    ),
    Explanation(
        "unknown-list",
        Rank.ERROR,
        "Lists are what people gave permission for, and they are named under `lists` in drip.yaml. There is none of "
        "this name.",
        "start: joins job-seekers",
    ),
    Explanation(
        "no-session",
        Rank.ERROR,
        "`1 day before session` counts from the session that a reader chose. Only a sequence that starts with "
        "`registers` or `session ends` belongs to a registration and knows it; in any other sequence nobody has "
        "chosen yet. The same goes for `attended` and `missed`.",
        "remind:\n  start: registers\n  steps:\n    - send: see-you-tomorrow\n      when: 1 day before session",
    ),
    Explanation(
        "no-webinar",
        Rank.ERROR,
        "`registers`, `cancels`, `session ends`, `last session starts`, `attended`, `missed` and `registered` speak of "
        "the campaign's webinar, but this campaign has none.",
        "webinar:\n  title: 6 Deadly Job Search Mistakes\n  length: 60 minutes\n"
        "  join: https://meet.example.com/{session}\n  sessions:\n    tuesday-noon: 2026-12-08 12:00",
    ),
    Explanation(
        "two-kinds-of-sessions",
        Rank.ERROR,
        "The table below `webinar:` says how it is held. With `sessions:` readers choose one of several moments, with "
        "`series:` they register once and come to all, with `evergreen:` they pick a start that a rule offers and see "
        "a recording. It is one of these.",
        "webinar:\n  evergreen:\n    starts: daily 10:00, 19:00",
    ),
    Explanation(
        "seats-of-recording",
        Rank.ERROR,
        "An evergreen webinar shows a recording to whoever comes, so a number of seats would be made up, and readers "
        "would be hurried by something that is not so. drip counts no seats there and says everywhere that the session "
        "is recorded.",
        "webinar:\n  evergreen:\n    soon: next quarter hour",
    ),
    Explanation(
        "no-last-session",
        Rank.ERROR,
        "`last session starts` is the moment after which nobody can come any more. An evergreen webinar has no last "
        "session: its rule goes on for as long as the campaign does.",
        "invite:\n  start: joins job-seekers\n  goal: registers",
    ),
    Explanation(
        "no-steps",
        Rank.ERROR,
        "A sequence without steps does nothing, though people would enter it.",
        "steps:\n  - send: hello\n    when: at once",
    ),
    Explanation(
        "step-verb",
        Rank.ERROR,
        "Each step does exactly one thing: send, test, tag, untag, join, leave or notify. Two things are two steps.",
        "- send: hello\n  when: at once\n- tag: welcomed\n  when: at once",
    ),
    Explanation(
        "bad-test",
        Rank.ERROR,
        "A test sends each reader one of its variants. It needs two posts or more, each with a weight: a whole number "
        "from 1 to 100, its share of the sum. Who was given one keeps it when the weights change.",
        "- test: subject-line\n  variants:\n    own-the-mistake: 1\n    own-the-mistake-b: 1\n  when: at once",
    ),
    Explanation(
        "misplaced-pin",
        Rank.ERROR,
        "`pin: enrollment` lets readers go through a sequence as it was when they entered, posts and all. That is for "
        "courses. What is about a registration must tell of its session as it is now: an old text would name a time "
        "or an address that holds no longer.",
        "course:\n  start: joins course\n  pin: enrollment",
    ),
    Explanation(
        "misplaced-when",
        Rank.ERROR,
        "A step of a sequence counts from what happened to one reader (`2 days later`), and a broadcast goes out at "
        "one moment of the calendar (`2026-12-01 09:00`). Each has its own kind of `when`.",
        "broadcasts:\n  - send: june-letter\n    to: job-seekers\n    when: 2026-12-01 09:00 reader's time",
    ),
    Explanation(
        "session-in-gap",
        Rank.ERROR,
        "On this night the clocks go forward, and the session would start at a time that they skip. People would read "
        "it in two ways and come an hour early or late.",
        "sunday-early: 2027-03-14 03:30",
    ),
    Explanation(
        "session-in-overlap",
        Rank.ERROR,
        "On this night the clocks go back, and the session would start at a time that comes twice. Nobody could tell "
        "which of the two is meant.",
        "sunday-late: 2026-11-01 02:30",
    ),
    Explanation(
        "past-session",
        Rank.WARNING,
        "This session has begun already, so nobody can register for it any more. That is right for a campaign that is "
        "running, and a slip in a new one.",
        "tuesday-noon: 2026-12-08 12:00",
    ),
    Explanation(
        "past-broadcast",
        Rank.WARNING,
        "The moment of this broadcast is over. If it was not sent then, it will not be sent now.",
        "when: 2026-12-01 09:00",
    ),
    Explanation(
        "reminder-after-start",
        Rank.WARNING,
        "The sequence begins when the session is over, so a step before the session can never come in time. Reminders "
        "belong to a sequence that starts with `registers`.",
        "remind:\n  start: registers\n  steps:\n    - send: see-you-tomorrow\n      when: 1 day before session",
    ),
    Explanation(
        "steps-out-of-order",
        Rank.WARNING,
        "Steps are taken one after the other, and this one is due before the one above it. When its turn comes, its "
        "moment has passed, and it is skipped.",
        "- send: see-you-tomorrow\n  when: 1 day before session\n- send: starting-in-an-hour\n "
        " when: 1 hour before session",
    ),
    Explanation(
        "goal-equals-start",
        Rank.ERROR,
        "What begins the sequence would also end it, so nobody would ever get a step of it.",
        "start: joins job-seekers\ngoal: registers",
    ),
    Explanation(
        "stop-equals-goal",
        Rank.ERROR,
        "A goal completes a sequence and a stop abandons it; reports tell the two apart. The same event "
        "cannot be both.",
        "goal: registers\nstop: last session starts",
    ),
    Explanation(
        "late-reminder",
        Rank.ERROR,
        "`then send` and `then ask` let a mail go after its time. What stands before a session speaks of the time that "
        "is left until it starts, so late it would say something untrue.",
        "- send: starting-in-an-hour\n  when: 1 hour before session\n  late: 20 minutes",
    ),
    Explanation(
        "unreachable-goal",
        Rank.WARNING,
        "The sequence waits for a click in a post that it does not send, so only readers who have that post from "
        "elsewhere can reach it.",
        "goal: clicks last-seats\nsteps:\n  - send: last-seats\n    when: at once",
    ),
    Explanation(
        "unreachable-condition",
        Rank.WARNING,
        "No reader can ever fulfil this condition: it contradicts itself, it asks who attended before the session is "
        "over or in a broadcast, or it asks for what has ended the sequence already, such as `registered` where that "
        "is the goal.",
        "- send: we-missed-you\n  when: 2 hours after session\n  if: missed",
    ),
    Explanation(
        "unreachable-step",
        Rank.WARNING,
        "The sequence is over for everybody before this step has its turn: a step above it gives the tag or ends the "
        "subscription that ends the sequence, or the stop comes first.",
        "steps:\n  - send: hello\n    when: at once\n  - tag: welcomed\n    when: at once",
    ),
    Explanation(
        "outlives-webinar",
        Rank.WARNING,
        "The sequence leads to a registration, and goes on when the last session is over. Who joins the list then "
        "would be invited to nothing.",
        "invite:\n  start: joins job-seekers\n  goal: registers\n  stop: last session starts",
    ),
    Explanation(
        "step-after-webinar",
        Rank.NOTE,
        "Counted from today, this step is due after the last session has started, when the sequence stops. Who is in "
        "the sequence already may still get it; who enters now will not. Near the end of a campaign that is as it "
        "should be.",
        "- send: last-seats\n  when: 3 days later",
    ),
    Explanation(
        "unused-post",
        Rank.WARNING,
        "No step and no broadcast sends this post. It may be meant for `drip send`, or its name was changed in one "
        "place only. A post with `draft: true` is not reported.",
        "- send: june-letter\n  when: 3 days later",
    ),
    Explanation(
        "draft-in-use",
        Rank.ERROR,
        "The post says `draft: true`, and the plot sends it. One of the two is not meant.",
        "---\nsubject: How to turn around an interview mistake\ndraft: false\n---",
    ),
)
