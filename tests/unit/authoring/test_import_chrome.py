"""The blog's machinery goes, the author's words stay."""

from __future__ import annotations

from drip.authoring.importing.chrome import drop_chrome


def test_blogger_with_readers_comments() -> None:
    cleaned = drop_chrome(
        "My post.\n\nPosted by Lisa at 10:12 AM\nEmail ThisBlogThis!Share to X\nLabels: interviews, resumes\n\n"
        "2 comments:\n\nAnn said...\n\nGreat!\n\nPost a Comment\n\nNewer Post\nOlder Post\nHome\n"
        "Subscribe to: Post Comments (Atom)\n"
    )
    assert cleaned.text.strip() == "My post."
    assert cleaned.report == (
        "dropped 3 lines of Blogger chrome: “Posted by Lisa at 10:12 AM”, “Email ThisBlogThis!Share to X”, "
        "“Labels: interviews, resumes”",
        "dropped 8 lines below the post: readers' comments and the form for them",
    )


def test_wordpress() -> None:
    cleaned = drop_chrome(
        "Skip to content\n\nMy post.\n\nShare this:\nClick to share on Facebook (Opens in new window)\n"
        "Like Loading...\nPosted in Careers\n\n3 thoughts on “My post”\n\nBob says:\nNo.\n\nLeave a Reply\n"
    )
    assert cleaned.text.split() == ["My", "post."]
    assert "WordPress" in cleaned.report[0]
    assert cleaned.report[1].startswith("dropped 4 lines below the post")


def test_substack() -> None:
    cleaned = drop_chrome(
        "My post.\n\nThanks for reading The Letter! Subscribe for free to receive new posts and support my work.\n\n"
        "Subscribe\n\nShare\n\nDiscussion about this post\n\nComments\nRestacks\n\nReady for more?\n"
    )
    assert cleaned.text.strip() == "My post."


def test_lines_that_could_be_the_authors_stay_without_a_sure_sign() -> None:
    post = "Home\n\nShare\n\n3 comments:\n\nFirst, post a comment of your own.\n\nRelated\n\n2\n"
    assert drop_chrome(post).text == post
    assert drop_chrome(post).report == ()


def test_comments_are_cut_only_above_their_form() -> None:
    post = "Post a Comment\n\nI have 3 readers, they left\n\n3 comments:\n\none, two, three"
    cleaned = drop_chrome(post)
    assert "one, two, three" in cleaned.text
    assert cleaned.report == ("dropped 1 line of Blogger chrome: “Post a Comment”",)


def test_running_text_with_the_same_words_stays() -> None:
    post = (
        "You can post a comment. No comments: that is what I feared. Share to Facebook if you like.\n\nPost a Comment"
    )
    assert drop_chrome(post).text.strip() == post.removesuffix("Post a Comment").strip()
