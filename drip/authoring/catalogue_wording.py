"""Problems of the words of posts, for the catalogue (`problems_catalogue`). Data only."""

from __future__ import annotations

from drip.authoring.explanation import Explanation
from drip.core.problems import Rank

_BLOG = "[The whole story](https://example.com/the-whole-story)"

WORDING_PROBLEMS = (
    Explanation(
        "placeholder",
        Rank.WARNING,
        "TK, TODO, XXX and lorem ipsum mark what is still to be written. Sent, they are what readers remember.",
        "He was two days late with the one call that mattered.",
    ),
    Explanation(
        "leftover-field",
        Rank.WARNING,
        "This is how another mail program writes a field, such as *|FNAME|* or %FIRSTNAME%. drip prints it as it "
        "stands. So are braces that an import put into a subject.",
        "Hi {{ first_name }},",
    ),
    Explanation(
        "short-subject",
        Rank.NOTE,
        "A subject of a few letters says neither what the mail is about nor why to open it, and looks like spam.",
        "subject: How to turn around an interview mistake",
    ),
    Explanation(
        "wordless-subject",
        Rank.WARNING,
        "The subject is made of pictures and marks only. Some inboxes show them as boxes, screen readers read out "
        "their names, and filters count them.",
        "subject: How to turn around an interview mistake",
    ),
    Explanation(
        "broken-subject",
        Rank.WARNING,
        "A subject is one line. This one has a line break in it, which is sent as a blank.",
        "subject: How to turn around an interview mistake",
    ),
    Explanation(
        "shouting-subject",
        Rank.WARNING,
        "A subject in capitals is taken for spam, by filters and by readers.",
        "subject: How to turn around an interview mistake",
    ),
    Explanation(
        "noisy-subject",
        Rank.WARNING,
        "Rows of exclamation marks, question marks or dollar signs are the mark of spam.",
        "subject: How to turn around an interview mistake",
    ),
    Explanation(
        "false-reply",
        Rank.WARNING,
        "Re: and Fwd: say that there was a mail before. Where there was none that is deceit: Gmail's rules for senders "
        "forbid it, and so does the law of some countries.",
        "subject: How to turn around an interview mistake",
    ),
    Explanation(
        "repeated-preview",
        Rank.WARNING,
        "Inboxes show subject and preview side by side. The same words twice waste the second line.",
        "subject: How to turn around an interview mistake\npreview: He was two days late. I hired him anyway.",
    ),
    Explanation(
        "missing-attachment",
        Rank.WARNING,
        "The text speaks of something attached, and the post has no attachment.",
        "[The checklist as a PDF](https://example.com/checklist.pdf)",
    ),
    Explanation(
        "stale-year",
        Rank.WARNING,
        "The year of the copyright is over, which makes the whole mail look forgotten.",
        "© {{ project.name }}",
    ),
    Explanation(
        "skipped-heading",
        Rank.WARNING,
        "Headings are the table of contents of those who listen to a mail. One that leaves out a level looks as if "
        "something was lost. The subject is the heading of the first level, unless the post has its own.",
        "## What to say, and when to say it",
    ),
    Explanation(
        "useless-alt",
        Rank.WARNING,
        "The text of this picture is the name of a file, or says only that it is a picture. It stands where the "
        "picture is not shown, and should say what is to be seen.",
        "![A resume with its first line marked](https://example.com/resume.png)",
    ),
    Explanation(
        "link-shortener",
        Rank.WARNING,
        "Shortened addresses hide where they lead, so spammers use them, and filters count every mail that has one.",
        _BLOG,
    ),
    Explanation(
        "data-uri",
        Rank.ERROR,
        "An address that begins with data: holds the file itself. Gmail and Outlook do not show such pictures, and "
        "they make the mail large.",
        "![A resume with its first line marked](https://example.com/resume.png)",
    ),
    Explanation(
        "dead-link",
        Rank.ERROR,
        "The address was asked and is not there: the page is gone, or the host has no such name. Only "
        "`drip check --links` asks.",
        _BLOG,
    ),
    Explanation(
        "doubtful-link",
        Rank.NOTE,
        "The address was asked and did not say yes: it wants a login, is overloaded, keeps robots out or took too "
        "long. It may work for readers. Only `drip check --links` asks.",
        _BLOG,
    ),
)
