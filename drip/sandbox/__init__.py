"""The rehearsal room: a local mail catcher, its inbox, the site and a clock that can be pushed forward."""
