"""Mail itself: MIME bytes, SMTP and folder transports, calendar invites. Knows no campaign and no database."""
