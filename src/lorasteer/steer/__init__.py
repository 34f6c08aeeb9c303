"""From a request to a plan: which examples, how strongly, along which meaning, with which settings."""

from lorasteer.steer.direction import Weighing as Weighing
from lorasteer.steer.direction import weigh as weigh
from lorasteer.steer.intensity import level as level
from lorasteer.steer.predicate import select as select
from lorasteer.steer.target import Chosen as Chosen
from lorasteer.steer.target import choose as choose
from lorasteer.steer.target import splits_for as splits_for
from lorasteer.steer.translate import Translation as Translation
from lorasteer.steer.translate import translate as translate
