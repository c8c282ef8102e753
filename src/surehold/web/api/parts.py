"""What the handlers of one process work with, built once by the application."""

from __future__ import annotations

from typing import Final

from surehold.checkout.commands import Inbox
from surehold.checkout.engine import Checkout
from surehold.config import Config
from surehold.db import Database
from surehold.identity.engine import identity_of
from surehold.identity.tokens import LinkTokens
from surehold.inventory.queries import ShelfCounts
from surehold.web.api.once import Once
from surehold.web.metrics import Metrics

#: What every path of ours begins with.
API: Final = "/api/v1"
#: Where they lie in the scope of a request, and where its id does.
PARTS: Final = "surehold.parts"
REQUEST_ID: Final = "surehold.request_id"


class Parts:
    """Everything that a handler may need; the framework hands it to those that ask."""

    def __init__(self, config: Config, checkout: Checkout, inbox: Inbox) -> None:
        self.config = config
        self.checkout = checkout
        self.inbox = inbox
        self.metrics = Metrics(checkout)
        self.once = Once(checkout.db)
        self.counts = ShelfCounts()
        #: What signs and reads the links of letters.
        self.links = LinkTokens(tuple(key.get_secret_value() for key in config.secret_keys))
        #: Who asks, and what accounts are made of.
        self.identity = identity_of(config, checkout.db)
        #: Whether every migration of this program has been seen in the database.
        self.is_migrated = False

    @property
    def db(self) -> Database:
        """The store's database."""
        return self.checkout.db
