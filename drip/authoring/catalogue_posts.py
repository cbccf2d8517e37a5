"""Problems of posts, for the catalogue (`drip.authoring.problems_catalogue`). Data only."""

from __future__ import annotations

from drip.authoring.explanation import Explanation
from drip.core.problems import Rank

_HEAD = "---\nsubject: How to turn around an interview mistake\npreview: He was two days late. I hired him anyway.\n---"

POST_PROBLEMS = (
    Explanation(
        "no-front-matter",
        Rank.ERROR,
        "A post begins with a line of three dashes, its subject and its preview, and a second line of three dashes. "
        "Notes that are no posts can be called README.md.",
        f"{_HEAD}\n\nHi {{{{ first_name }}}},",
    ),
    Explanation(
        "open-front-matter",
        Rank.ERROR,
        "The front matter of the post begins with a line of three dashes (or +++ for TOML) and needs the same line at "
        "its end.",
        _HEAD,
    ),
    Explanation(
        "bad-front-matter",
        Rank.ERROR,
        "A line in the front matter is not `name: value`, or between +++ lines it is not TOML. A value stands on the "
        "line of its name, word for word; only lists and long texts go on below, indented.",
        _HEAD,
    ),
    Explanation(
        "missing-subject",
        Rank.ERROR,
        "Every mail needs a subject. A `title` is what the blog shows and is not mailed.",
        _HEAD,
    ),
    Explanation(
        "empty-subject",
        Rank.ERROR,
        "The subject has no words. Such mails are taken for spam, by filters and by readers.",
        _HEAD,
    ),
    Explanation(
        "long-subject",
        Rank.WARNING,
        "Phones show about 40 characters of a subject and desktops about 60. What comes after 70 is seen by hardly "
        "anybody. Fields count as ten characters.",
        "subject: How to turn around an interview mistake",
    ),
    Explanation(
        "missing-preview",
        Rank.WARNING,
        "Inboxes show a line of text behind the subject. Without a preview they take the first words that they find, "
        "such as a greeting.",
        "preview: He was two days late with the one call that mattered.",
    ),
    Explanation(
        "long-preview",
        Rank.WARNING,
        "Inboxes show 40 to 140 characters of the preview; after 200 none shows any more.",
        "preview: He was two days late with the one call that mattered.",
    ),
    Explanation(
        "missing-text",
        Rank.ERROR,
        "There is nothing below the front matter, so the mail would be empty.",
        f"{_HEAD}\n\nHi {{{{ first_name }}}},\n\nopen your resume and read only the top third.",
    ),
    Explanation(
        "long-post",
        Rank.WARNING,
        "Gmail cuts messages off after about 102 kB and hides the rest, with the link to unsubscribe, behind a link. "
        "The layout and its styles need part of that, so a post should stay below 60 kB.",
        "**[Read the rest on the blog](https://example.com/the-whole-story)**",
    ),
    Explanation(
        "bad-markup",
        Rank.ERROR,
        "What stands between {{ and }} or {% and %} is not valid. A text that shows such braces puts them between "
        "{% raw %} and {% endraw %}.",
        "{% if session %}See you on {{ session.day }}.{% endif %}",
    ),
    Explanation(
        "unknown-field",
        Rank.ERROR,
        "Posts can use the fields that drip.yaml names under `fields`, with what to say where a value is not known, "
        "and what drip gives itself: email, links, webinar, session, sessions, project, list and post.",
        "Hi {{ first_name }},",
    ),
    Explanation(
        "unknown-layout",
        Rank.ERROR,
        "A layout is an HTML file in templates/, named without .html. There is none of this name.",
        "layout: letter",
    ),
    Explanation(
        "unknown-link",
        Rank.ERROR,
        "A link is a complete address (https://…, mailto:…, tel:…) or one of the named ones: webinar:, session:NAME, "
        "join:, calendar:, cancel:, unsubscribe:, preferences:, browser: and post:NAME. drip's own posts also have "
        "confirm:.",
        "**[Register for the session of your choice](webinar:)**",
    ),
    Explanation(
        "not-in-archive",
        Rank.ERROR,
        "`post:NAME` is the address of a post in the archive of your site. Broadcasts to a whole list stand there once "
        "they are sent; any other post needs `archive: true` in its front matter, because everybody can read it then.",
        "---\nsubject: How to turn around an interview mistake\narchive: true\n---",
    ),
    Explanation(
        "unknown-session",
        Rank.ERROR,
        "session:NAME in a post leads to one session of the campaign's webinar, by its name under `sessions`, and a "
        "drip test speaks of them by their names. There is none of this name.",
        "[Tuesday at noon](session:tuesday-noon)",
    ),
    Explanation(
        "missing-link",
        Rank.ERROR,
        "An import could not know where a link leads and left a mark, or the link was never filled in.",
        "**[Register for the session of your choice](webinar:)**",
    ),
    Explanation(
        "relative-link",
        Rank.ERROR,
        "A mail has no place from which a relative address could be followed: links and pictures need a complete one.",
        "[The whole story](https://example.com/the-whole-story)",
    ),
    Explanation(
        "insecure-link",
        Rank.WARNING,
        "The address begins with http://. Many clients warn of such links and do not show such pictures.",
        "[The whole story](https://example.com/the-whole-story)",
    ),
    Explanation(
        "vague-link",
        Rank.WARNING,
        "People who listen to a mail often go from link to link. One that is called only `here` tells them nothing.",
        "[Register for the session of your choice here](webinar:)",
    ),
    Explanation(
        "link-without-webinar",
        Rank.ERROR,
        "The post links to the webinar or shows its sessions, but its campaign has no webinar.",
        "webinar:\n  title: 6 Deadly Job Search Mistakes\n  length: 60 minutes\n"
        "  join: https://meet.example.com/{session}\n  sessions:\n    tuesday-noon: 2026-12-08 12:00",
    ),
    Explanation(
        "personal-link-misplaced",
        Rank.ERROR,
        "join:, calendar:, cancel: and {{ session… }} belong to the registration of one reader. This post is also sent "
        "where there is no registration: by a sequence that does not start with `registers` or `session ends`, or by a "
        "broadcast. Text between {% if session %} and {% endif %} may use it anywhere.",
        "remind:\n  start: registers\n  steps:\n    - send: we-are-live\n      when: 10 minutes before session",
    ),
    Explanation(
        "no-list",
        Rank.ERROR,
        "{{ list.title }} is the list that a post is sent to. A broadcast has one, and so has a sequence that starts "
        "with `joins`; mails about a registration, or about a tag, belong to no list.",
        "You get this mail because you booked a seat.",
    ),
    Explanation(
        "sessions-may-be-over",
        Rank.WARNING,
        "The post offers the sessions of the webinar, and its sequence can outlive the last of them: who joins late "
        "would get an invitation to nothing.",
        "invite:\n  start: joins job-seekers\n  goal: registers\n  stop: last session starts",
    ),
    Explanation(
        "missing-alt",
        Rank.WARNING,
        "Many clients do not load pictures until asked, and some readers cannot see them. The text in the brackets "
        "stands in for the picture.",
        "![A resume with its first line marked](https://example.com/resume.png)",
    ),
    Explanation(
        "svg-image",
        Rank.WARNING,
        "Gmail and Outlook do not show SVG pictures. PNG, JPEG and GIF are shown everywhere.",
        "![Our logo](https://example.com/logo.png)",
    ),
    Explanation(
        "missing-image",
        Rank.ERROR,
        "A picture marked `{cid}` goes along with the mail. It must lie in the folder of the post, be named without "
        "folders, and be a PNG, JPEG or GIF: other pictures are not shown by all mail programs.",
        "![A resume with its first line marked](first-line.png){cid}",
    ),
    Explanation(
        "heavy-images",
        Rank.ERROR,
        "Pictures that go along make every single mail larger, and filters and phones slower: one may have 300 kB, and "
        "those of a post 1 MB. A photo that is 1200 pixels wide and saved as JPEG has about 150 kB.",
        "![A resume with its first line marked](https://example.com/first-line.png)",
    ),
    Explanation(
        "unknown-attachment",
        Rank.ERROR,
        "What `attach` names must lie in the folder of the post. Archives and programs cannot be attached: filters "
        "hold such mails back.",
        "attach: checklist.pdf",
    ),
    Explanation(
        "heavy-attachment",
        Rank.ERROR,
        "All attachments of a post together may have 2 MB. They go out once for every reader, and many mail servers "
        "refuse what is larger.",
        "[The checklist as a PDF](https://example.com/checklist.pdf)",
    ),
    Explanation(
        "unknown-block",
        Rank.WARNING,
        "A line that begins with `:::` opens a block, and drip knows two: `callout` and `columns`. Any other name is "
        "no block, and readers see the colons.",
        "::: callout Mind the date\nThe doors close on Friday.\n:::",
    ),
    Explanation(
        "open-block",
        Rank.ERROR,
        "A block ends at a line of `:::` with as many colons as opened it. Without that line everything down to the "
        "end of the post stands in it.",
        "::: callout\nThe doors close on Friday.\n:::\n\nAnd so on.",
    ),
)
