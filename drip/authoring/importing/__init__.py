"""Blog posts from elsewhere become Markdown drafts; every guess and every loss is reported."""
