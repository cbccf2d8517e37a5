"""Problems of files, YAML and drip.yaml, for the catalogue (`drip.authoring.problems_catalogue`). Data only."""

from __future__ import annotations

from drip.authoring.explanation import Explanation
from drip.core.problems import Rank

FILE_PROBLEMS = (
    Explanation(
        "missing-file",
        Rank.ERROR,
        "A project is a folder with drip.yaml in it, and a campaign is a folder under campaigns/ with campaign.yaml in "
        "it. Posts in a folder without its campaign.yaml would never be sent.",
        "campaigns/\n  autumn/\n    campaign.yaml\n    hello.md",
    ),
    Explanation(
        "huge-file",
        Rank.ERROR,
        "No file that drip reads may have more than a million characters, and no front matter more than 64,000, or "
        "8,000 as TOML. Anything larger is a mistake, such as a picture or a mailbox saved under the wrong name.",
        "![The chart](https://example.com/chart.png)   # instead of the picture itself",
    ),
    Explanation(
        "bad-yaml",
        Rank.ERROR,
        "The file cannot be read as YAML, so nothing else in it could be checked. The carets stand where reading "
        "stopped; the cause is often one line above: a missing colon, an open quote, a tab, or a wrong indentation.",
        "title: 'Own it: the story'   # a value with `: ` in it needs quotes",
    ),
    Explanation(
        "several-documents",
        Rank.ERROR,
        "A line of three dashes begins a second YAML document. drip reads one document from each file and would never "
        "look at the rest.",
        "title: Spring letters\nsequences:\n  welcome:\n    …",
    ),
    Explanation(
        "deep-nesting",
        Rank.ERROR,
        "The lists and tables of this file stand more than twenty levels inside one another. drip.yaml and "
        "campaign.yaml never need more than six, so a bracket was probably left open.",
        "relays:\n  - server: smtp.example.net",
    ),
    Explanation(
        "anchor",
        Rank.ERROR,
        "YAML can name a value with & and repeat it with *. A plot that is read by people should show what it means in "
        "the place where it happens, so drip follows neither. A value that merely begins with & or * needs quotes.",
        "steps:\n  - send: hello\n    when: at once",
    ),
    Explanation(
        "tag",
        Rank.ERROR,
        "A YAML tag such as !!str or !include changes how a value is read. In drip every value is text, and the key "
        "says what it means. A text that begins with an exclamation mark needs quotes.",
        "seats: 100",
    ),
    Explanation(
        "duplicate-key",
        Rank.ERROR,
        "The same key stands twice in one table. YAML readers differ in which one they keep, so drip keeps neither to "
        "itself: it says so.",
        "sequences:\n  welcome:\n    start: joins readers",
    ),
    Explanation(
        "unknown-key",
        Rank.ERROR,
        "drip does not know this key, and a key that is passed over in silence would be a promise not kept. Mostly it "
        "is a slip of the pen, or it stands one level too deep or too high.",
        "sequences:\n  welcome:\n    goal: registers",
    ),
    Explanation(
        "missing-key",
        Rank.ERROR,
        "A key without which the file means nothing is not there. For drip.yaml these are name, url, address, from and "
        "timezone; for campaign.yaml it is title; every step needs a when.",
        "name: Chameleon Resumes\nurl: https://mail.example.com",
    ),
    Explanation(
        "empty-value",
        Rank.ERROR,
        "A key stands there with nothing behind it, as in a file that is half written. Give it a value, or take the "
        "line out to get the default.",
        "hours: weekdays 8:00-18:00",
    ),
    Explanation(
        "wrong-kind",
        Rank.ERROR,
        "One kind of value stands where another belongs: a list where a text is expected, or a text where a table of "
        "keys belongs. Rows of a list begin with a dash; the keys of a table are indented below their name.",
        "steps:\n  - send: hello\n    when: at once",
    ),
    Explanation(
        "bad-value",
        Rank.ERROR,
        "The value is not one of those that this key can have. The help line lists them.",
        "lists:\n  readers:\n    opt-in: confirmed",
    ),
    Explanation(
        "bad-name",
        Rank.ERROR,
        "Names of lists, sequences, sessions, tags and posts become parts of addresses and commands. They are made of "
        "small letters, digits, hyphens and underscores, begin with a letter or digit, and have at most 60 characters. "
        "Fields are names in posts: letters, digits and underscores, beginning with a letter.",
        "lists:\n  job-seekers:\n    title: The job seekers' letter",
    ),
    Explanation(
        "dropped-text",
        Rank.ERROR,
        "In YAML a space and a # begin a comment, so `The #1 mistake` is read as `The`. If the rest belongs to the "
        "text, put all of it in quotes; if it is a comment, set it off with two spaces and put a space behind the #.",
        'title: "The #1 resume mistake"',
    ),
    Explanation(
        "damaged-text",
        Rank.ERROR,
        "The text went through a program that took UTF-8 for Windows-1252 or Latin-1, and a dash or a quote became "
        "three odd characters. Readers would see them, and Gmail is known to cut even short mails off that have "
        "characters between U+0080 and U+009F.",
        "My office was busy — like really busy",
    ),
    Explanation(
        "control-character",
        Rank.ERROR,
        "The text has a character that cannot be printed, such as an escape or a line break inside a one-line value. "
        "It would be lost, refused by mail servers, or do harm on a terminal.",
        "title: Spring letters",
    ),
    Explanation(
        "secret-in-file",
        Rank.ERROR,
        "drip.yaml lives in git and is shown by editors and in bug reports, so a password has no place in it. Keep it "
        "in a file that only drip can read, or in the environment. If this one was ever pushed, change it.",
        "relays:\n  - server: smtp.example.net:587\n    user: lisa\n    password-file: /run/secrets/smtp",
    ),
    Explanation(
        "password-in-url",
        Rank.WARNING,
        "The address of the database has a password in it, and drip.yaml lives in git. Set the whole address in the "
        "environment variable DRIP_STORE, or leave the password to ~/.pgpass.",
        "store: postgresql://drip@db.example.com/drip",
    ),
    Explanation(
        "missing-address",
        Rank.ERROR,
        "Commercial mail must show a postal address at which its sender can be reached (in the USA 15 U.S.C. "
        "§7704(a)(5); other countries have their own rule). drip prints it at the foot of every mail and "
        "sends nothing without it.",
        "address: Chameleon Resumes LLC, 1 Example Street, New York, NY 10001, USA",
    ),
    Explanation(
        "bad-address",
        Rank.ERROR,
        "This is not an e-mail address that mail can be sent from: it needs one @, something on both sides of it, and "
        "a domain with a dot. A name may stand before it, and then the address is in angle brackets.",
        "from: Lisa Rangel <lisa@example.com>",
    ),
    Explanation(
        "bad-url",
        Rank.ERROR,
        "Links in mails are opened from anywhere and carry a signed token, so the address of the pages must be "
        "complete and begin with https://. Plain http:// is accepted only for this machine (localhost).",
        "url: https://mail.example.com",
    ),
    Explanation(
        "bad-zone",
        Rank.ERROR,
        "Times are on the wall clock of a place, and its time zone has a name in the IANA database. Abbreviations such "
        "as EST and offsets such as +01:00 do not know when the clocks change.",
        "timezone: America/New_York",
    ),
    Explanation(
        "bad-relay",
        Rank.ERROR,
        "A relay is either a `server` or a `folder`. A server is written host or host:port; a user needs one of "
        "`password-file` and `password-env`; a pace is a number and a time.",
        "relays:\n  - server: smtp.example.net:587\n    user: lisa\n    password-env: SMTP_PASSWORD\n "
        "   pace: 120 a minute",
    ),
    Explanation(
        "no-relay",
        Rank.WARNING,
        "The project says nowhere to hand mail to. Everything can be written, checked and rehearsed, but `drip run` "
        "will leave all deliveries waiting.",
        "relays:\n  - folder: outbox",
    ),
    Explanation(
        "no-tls",
        Rank.WARNING,
        "TLS is switched off for a server on another machine, so the password and every mail travel in the clear.",
        "relays:\n  - server: smtp.example.net:587\n    tls: required",
    ),
    Explanation(
        "test-mode-on",
        Rank.NOTE,
        "While drip.yaml has `test-mode`, every mail goes to that one address, with a banner that names the reader it "
        "was meant for. What drip writes down is the same as ever: a post that was redirected counts as sent, and its "
        "reader does not get it again when test mode is over. Try it with a database of its own.",
        "relays:\n  - server: smtp.example.net:587   # and no `test-mode:` in the file",
    ),
    Explanation(
        "clash-of-names",
        Rank.ERROR,
        "Two things have one name where drip must tell them apart. A post is sent at most once by a sequence, so it "
        "cannot be two of its steps; and a field cannot have the name of something that every post is given, such as "
        "session or links.",
        "steps:\n  - send: hello\n    when: at once\n  - send: hello-again\n    when: 3 days later",
    ),
    Explanation(
        "bad-brand",
        Rank.ERROR,
        "A color has six digits. In YAML a `#` begins a comment, so it needs quotes, or is left out. A logo is a PNG, "
        "JPEG or GIF at an https:// address: mail programs show no SVG. Fonts end with one that every reader has.",
        "brand:\n  color: '#0b5f54'\n  logo: https://example.com/logo.png\n  font: Verdana, Arial, sans-serif",
    ),
    Explanation(
        "brand-contrast",
        Rank.WARNING,
        "Text in this color is hard to read where the layouts write it: they need a contrast of 4.5. `color` is that "
        "of links on white, `dark-color` that of links in dark mode, and the footer stands on `ground`.",
        "brand:\n  color: '#0b5f54'\n  dark-color: '#5cc0ad'\n  ground: '#f3f1ec'",
    ),
)
