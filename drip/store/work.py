"""`Work`: every query drip asks, one method per use, within one transaction.

The parts stand in their own modules; this only puts them together. `Store.write` and `Store.read` hand it out.
"""

from __future__ import annotations

from drip.store.breaking import Breaking
from drip.store.broadcasts import Broadcasts
from drip.store.bursts import Bursts
from drip.store.caps import Caps
from drip.store.clicks import Clicks
from drip.store.crowds import Crowds
from drip.store.deliveries import Deliveries
from drip.store.desk import Desk
from drip.store.forgetting import Forgetting
from drip.store.insiders import Insiders
from drip.store.journal import Journal
from drip.store.late import Late
from drip.store.outcomes import Outcomes
from drip.store.paces import Paces
from drip.store.pausing import Pausing
from drip.store.resting import Resting
from drip.store.restored import Restored
from drip.store.revisions import Revisions
from drip.store.roster import Roster
from drip.store.standings import Standings
from drip.store.upcoming import Looking
from drip.store.variants import Variants
from drip.store.webinars import Webinars


class Work(
    Breaking,
    Broadcasts,
    Bursts,
    Caps,
    Crowds,
    Clicks,
    Deliveries,
    Desk,
    Late,
    Insiders,
    Forgetting,
    Journal,
    Looking,
    Outcomes,
    Paces,
    Pausing,
    Resting,
    Restored,
    Revisions,
    Roster,
    Standings,
    Variants,
    Webinars,
):
    """One transaction's methods. People and facts come with the broadcasts, addresses with the desk."""
