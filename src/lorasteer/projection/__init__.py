"""Features to points in the plane, step by step, the old picture kept.

Only what needs neither torch nor a projection library is exported here: the map works in a process of its own, and whoever talks
to it need not load them. `lorasteer.projection.embedding` holds the map itself.
"""

from lorasteer.projection.frame import Failed as Failed
from lorasteer.projection.frame import Frame as Frame
from lorasteer.projection.frame import Status as Status
from lorasteer.projection.messages import Begin as Begin
from lorasteer.projection.messages import Message as Message
from lorasteer.projection.messages import Move as Move
from lorasteer.projection.messages import Pause as Pause
from lorasteer.projection.messages import Replace as Replace
from lorasteer.projection.messages import Restore as Restore
from lorasteer.projection.points import sample_points as sample_points
from lorasteer.projection.process import MapProcess as MapProcess
