"""The public pages: sign-up, confirmation, webinar, joining, unsubscribing. A GET never changes anything."""
