"""Plan and material to change: one file per method, in families; `METHODS` knows them all."""

from lorasteer.methods.contract import METHODS as METHODS
from lorasteer.methods.contract import Method as Method
from lorasteer.methods.contract import settings_of as settings_of
from lorasteer.methods.contract import unlearn as unlearn
