"""Makes the pictures of docs/layouts.md: each layout with one post that has everything, photographed by Chromium.

    python docs/make_images.py [FOLDER]

Needs Debian's `chromium`. Look at the pictures before you commit them.
"""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from drip.authoring.layout import RIGHT_TO_LEFT, Press  # noqa: E402 - found through the line above
from drip.core.model import Brand, Mailbox, Post, ProjectDefinition  # noqa: E402

LAYOUTS = ("letter", "plain", "announcement")

# Two colors and a circle: the picture must not come from the web.
PICTURE = "data:image/svg+xml;base64," + base64.b64encode(
    b'<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="500">'
    b'<rect width="1200" height="500" fill="#d8e6e1"/>'
    b'<circle cx="900" cy="190" r="90" fill="#f2b950"/><rect y="360" width="1200" height="140" fill="#0b5f54"/></svg>'
).decode("ascii")
LOGO = "data:image/svg+xml;base64," + base64.b64encode(
    b'<svg xmlns="http://www.w3.org/2000/svg" width="320" height="80"><rect width="320" height="80" fill="#6a1b9a"/>'
    b'<text x="24" y="54" font-family="Verdana" font-size="40" fill="#ffffff">Chameleon</text></svg>'
).decode("ascii")

BODY = """Hi {{ first_name }},

He was **two days late**, and I hired him anyway. [Here is the story](https://example.com/), with a note[^1].

::: callout Mind the date
Registration closes on Friday at noon. There is `no waiting list`.
:::

## What he did

- He called before I did.
- He said what went wrong, and why.

1. Own it.
2. Mend it.

> How someone handles a mistake tells me how they will handle mistakes when I hire them.
>
> — Lisa Rangel, *Chameleon Resumes*

![A desk by the sea](PICTURE "The desk where it happened")

::: columns
### Before

An apology that explains everything and mends nothing.

***

### After

One sentence, one plan, and the plan is kept.
:::

| Who | Says |
|---|---|
| Ana | It works |
| Tom | It takes a week |

{{ sessions }}

[Register for the session of your choice](https://example.com/w){.button}

[^1]: Names are changed.
"""
RIGHT = """مرحبا {{ first_name }}،

كيف تتعامل مع الخطأ يخبرني **كيف ستعمل معنا**. [هذه هي القصة](https://example.com/).

::: callout انتبه إلى الموعد
ينتهي التسجيل يوم الجمعة ظهرا.
:::

- اتصل قبل أن أتصل به.
- قال ما حدث ولماذا.

> الخطأ ليس النهاية.
>
> — ليزا رانجل

::: columns
### قبل

اعتذار طويل لا يصلح شيئا.

***

### بعد

جملة واحدة وخطة واحدة.
:::

| من | يقول |
|---|---|
| آنا | نعم |

{{ sessions }}

[سجل الآن](https://example.com/w){.button}
"""


def session(day: str, seats: int | None) -> SimpleNamespace:
    """One session to choose."""
    return SimpleNamespace(
        name="s", date=day, day=day, time="12:00 pm", zone="New York time (UTC−5)", city="New York",
        starts_in="7 days", link="https://example.com/s", seats_left=seats,
    )  # fmt: skip


def page(layout: str, *, language: str = "en", brand: Brand | None = None) -> str:
    """The mail as one reader gets it."""
    files = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in (ROOT / "templates").rglob("*")
        if path.is_file()
    }
    project = ProjectDefinition(
        "Chameleon Resumes",
        "https://mail.example.com",
        "Chameleon Resumes LLC, 1 Example Street, New York, NY 10001, USA",
        Mailbox("Lisa Rangel", "lisa@example.com"),
        "bounces@example.com",
        "America/New_York",
        brand=brand or Brand(),
    )
    is_rtl = language in RIGHT_TO_LEFT
    subject = "كيف تحول الخطأ إلى فرصة" if is_rtl else "How to turn around an interview mistake"
    head = (
        {"image": "https://example.com/PICTURE", "image-alt": "A desk by the sea"} if layout == "announcement" else {}
    )
    body = (RIGHT if is_rtl else BODY).replace("PICTURE", "https://example.com/PICTURE")
    post = Post("p", "campaigns/c/p.md", subject, "He was two days late.", body, 1, layout, language, head)
    values = {
        "first_name": "مريم" if is_rtl else "Ana",
        "links": SimpleNamespace(unsubscribe="https://example.com/u", preferences="https://example.com/p", browser=""),
        "list": {"name": "l", "title": "The job seekers' letter", "promise": ""},
        "sessions": [session("Tuesday, December 8", None), session("Wednesday, December 9", 3)],
    }
    html = Press(files, project).compile(post).fill(values).html.text()
    return html.replace("https://example.com/PICTURE", PICTURE).replace("https://example.com/LOGO.png", LOGO)


def photograph(html: str, path: Path, width: int, *, is_dark: bool = False) -> None:
    """Chromium's picture of a page, cut where the page ends."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "mail.html"
        source.write_text(html, encoding="utf-8")
        command = [
            "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--force-device-scale-factor=1", f"--user-data-dir={folder}/profile",
            f"--window-size={width},{height(html, width, folder)}",
            f"--screenshot={path}", *(["--blink-settings=preferredColorScheme=0"] if is_dark else []), source.as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - our own words


def height(html: str, width: int, folder: str) -> int:
    """How high the page is at this width, as Chromium lays it out."""
    source = Path(folder) / "measured.html"
    script = "<script>document.title = document.documentElement.scrollHeight</script></body>"
    source.write_text(html.replace("</body>", script), encoding="utf-8")
    command = [
        "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--dump-dom",
        f"--user-data-dir={folder}/profile", f"--window-size={width},200", source.as_uri(),
    ]  # fmt: skip
    # As above, our own words.
    dom = subprocess.run(command, check=True, capture_output=True, timeout=120, text=True).stdout  # noqa: S603
    match = re.search(r"<title>(\d+)</title>", dom)
    assert match is not None
    return int(match[1])


def main() -> None:
    """All pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    brand = Brand(color="#6a1b9a", ground="#f4eefb", logo="https://example.com/LOGO.png", font="Verdana, sans-serif")
    for layout in LAYOUTS:
        for width in (600, 375):
            html = page(layout)
            photograph(html, folder / f"layout-{layout}-{width}.png", width)
            photograph(html, folder / f"layout-{layout}-{width}-dark.png", width, is_dark=True)
            photograph(page(layout, language="ar"), folder / f"layout-{layout}-rtl-{width}.png", width)
    for name, is_dark in (("light", False), ("dark", True)):
        photograph(page("letter", brand=brand), folder / f"brand-{name}-600.png", 600, is_dark=is_dark)


if __name__ == "__main__":
    main()
