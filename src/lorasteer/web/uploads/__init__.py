"""What a user uploads: taken into a folder of the server's own, checked before anything else reads it."""

from lorasteer.web.uploads.limits import UploadLimits
from lorasteer.web.uploads.names import safe_name
from lorasteer.web.uploads.receiving import Uploads
from lorasteer.web.uploads.taken import Kind, Received

__all__ = ["Kind", "Received", "UploadLimits", "Uploads", "safe_name"]
