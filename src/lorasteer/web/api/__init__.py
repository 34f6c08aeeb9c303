"""The HTTP API: everything the workbench can do, for programs. `make_api` is the whole of it, one file per noun below."""

from lorasteer.web.api.reception import Reception
from lorasteer.web.api.whole import described, make_api

__all__ = ["Reception", "described", "make_api"]
