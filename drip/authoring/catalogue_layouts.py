"""Problems of layouts, styles and finished mails, for the catalogue (`problems_catalogue`). Data only."""

from __future__ import annotations

from drip.authoring.explanation import Explanation
from drip.core.problems import Rank

LAYOUT_PROBLEMS = (
    Explanation(
        "template-fault",
        Rank.ERROR,
        "The post cannot be made into a mail: something in the Jinja of the post, of its layout or of a part, or in "
        "the styles, goes wrong when it is filled for a reader. `drip run` would stop at this post.",
        "{% if list %}You asked for {{ list.title }}.{% endif %}",
    ),
    Explanation(
        "slow-template",
        Rank.NOTE,
        "drip makes one page and then only changes the values in it for each reader. Where a template keeps printed "
        "text, with {% set %} … {% endset %}, {% filter %} or a macro whose text is looked at, that cannot be "
        "trusted, and the whole page is made anew for each reader. It is right, and about a hundred times slower.",
        "{% set greeting = first_name %}\nHi {{ greeting }},",
    ),
    Explanation(
        "clipped-mail",
        Rank.ERROR,
        "Gmail cuts messages off after about 102 kB and hides the rest, with the link to unsubscribe. Measured is the "
        "finished page with its styles inlined, as text and as it is encoded for the wire.",
        "**[Read the rest on the blog](https://example.com/the-whole-story)**",
    ),
    Explanation(
        "heavy-mail",
        Rank.WARNING,
        "The finished mail has more than 80 kB. Gmail cuts messages off after about 102 kB, and long values or another "
        "list of sessions can carry this one over that line.",
        "**[Read the rest on the blog](https://example.com/the-whole-story)**",
    ),
    Explanation(
        "layout-without-unsubscribe",
        Rank.ERROR,
        "Every mail to a list needs a link by which readers can leave; the law says so, and so do Gmail and Yahoo. "
        "Both the HTML and the text of a layout must have it.",
        '<a href="{{ links.unsubscribe }}">unsubscribe</a>',
    ),
    Explanation(
        "layout-without-address",
        Rank.ERROR,
        "The law asks for the sender's postal address in every mail. It is in drip.yaml, and the HTML and the text of "
        "a layout print it.",
        "<p>{{ project.address }}</p>",
    ),
    Explanation(
        "layout-without-text",
        Rank.ERROR,
        "Every mail has a plain text part beside its HTML: some readers choose it, and filters count mails without it "
        "as spam. A layout templates/NAME.html needs templates/NAME.txt.",
        "{{ body }}\n-- \nUnsubscribe: {{ links.unsubscribe }}\n{{ project.address }}",
    ),
    Explanation(
        "missing-doctype",
        Rank.WARNING,
        "Without `<!DOCTYPE html>` in its first line a page is shown in the quirks mode of old browsers, with other "
        "sizes and gaps.",
        '<!DOCTYPE html>\n<html lang="{{ lang }}" dir="{{ dir }}">',
    ),
    Explanation(
        "revealed-comment",
        Rank.WARNING,
        "`<![if !mso]>` is no HTML and is lost when the styles are inlined. What Outlook must not see goes between "
        "`<!--[if !mso]><!-->` and `<!--<![endif]-->`.",
        "<!--[if !mso]><!-->\n<p>Not for Outlook on Windows.</p>\n<!--<![endif]-->",
    ),
    Explanation(
        "uninlinable-css",
        Rank.WARNING,
        "The rules of templates/NAME.css are moved into style attributes, and some cannot be: at-rules, pseudo-classes "
        "and `*` have no place in an attribute, `!important` would beat the rules for phones and dark mode, and "
        "`var()`, `rgb(… / …)` or a property given twice are lost on the way. Rules that need them go into "
        "templates/NAME-head.css.",
        "/* templates/letter-head.css */\na:hover { text-decoration: none !important; }",
    ),
    Explanation(
        "nested-at-rule",
        Rank.WARNING,
        "Gmail drops a whole style element if an at-rule stands within an at-rule.",
        "@media (max-width: 520px) {\n  .card { padding: 20px !important; }\n}",
    ),
    Explanation(
        "large-styles",
        Rank.WARNING,
        "Gmail reads the first 16 kB of styles in the head of a mail and drops what comes after.",
        "/* templates/letter-head.css: only what must stay in the head */",
    ),
    Explanation(
        "unsupported-css",
        Rank.NOTE,
        "Some mail programs ignore this. The mail should be readable without it. The data are those of caniemail.com; "
        "with `--strict` what is supported only in part is told, too.",
        ".card { padding: 24px; background-color: #ffffff; }",
    ),
    Explanation(
        "unsupported-html",
        Rank.NOTE,
        "Some mail programs drop this element. What it says should be said without it, too. The data are those of "
        "caniemail.com; with `--strict` what is supported only in part is told, too.",
        "[![The first minute of the talk](https://example.com/talk.png)](https://example.com/talk)",
    ),
    Explanation(
        "low-contrast",
        Rank.WARNING,
        "Text and ground are too near to each other for many eyes, and for everybody in the sun. Text needs a contrast "
        "of 4.5, large text of 3 (WCAG 2.2).",
        ".note { color: #5b6470; background-color: #ffffff; }",
    ),
    Explanation(
        "wide-image",
        Rank.WARNING,
        "Mails are 600 pixels wide. Outlook on Windows goes by the `width` of a picture and shows a wider one in full, "
        "so that the whole mail must be scrolled sideways. The file may have twice the size.",
        '<img src="https://example.com/resume.png" width="560" alt="A resume with its first line marked">',
    ),
    Explanation(
        "unsized-image",
        Rank.NOTE,
        "Without a `width` Outlook on Windows shows a picture in the size of its file, and all programs move the text "
        "when the picture comes.",
        '<img src="https://example.com/resume.png" width="560" alt="A resume with its first line marked">',
    ),
)
