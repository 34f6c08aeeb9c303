"""Pages for tests of the workbench page."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # a view has a field `digest` of its own, where other records have the digest of themselves
    warnings.filterwarnings("ignore", message='Field name "digest"')
    import lorasteer.web.views  # noqa: F401
