"""Who may talk to the server, and how much: `protect` puts all of it around an app."""

from lorasteer.web.security.ids import check_id
from lorasteer.web.security.limits import Limits
from lorasteer.web.security.protecting import protect
from lorasteer.web.security.rates import RateLimit
from lorasteer.web.security.refusals import Refusal
from lorasteer.web.security.rules import Rules
from lorasteer.web.security.serving import uvicorn_options
from lorasteer.web.security.tokens import Tokens

__all__ = ["Limits", "RateLimit", "Refusal", "Rules", "Tokens", "check_id", "protect", "uvicorn_options"]
