"""Plan and material to change: one file per method, in families; `METHODS` knows them all."""

from lorasteer.methods.contract import METHODS as METHODS
from lorasteer.methods.contract import Method as Method
from lorasteer.methods.contract import continues as continues
from lorasteer.methods.contract import settings_kind as settings_kind
from lorasteer.methods.contract import settings_of as settings_of
from lorasteer.methods.contract import unlearn as unlearn
from lorasteer.methods.course import Course as Course
from lorasteer.methods.course import Start as Start
from lorasteer.methods.starting import obstacle as obstacle
