"""The engine: answers pages and the HTTP API from a process of its own, so that the event loop never waits for a network."""

from lorasteer.web.engine.keeper import Keeper as Keeper
from lorasteer.web.engine.keeper import open_house as open_house
