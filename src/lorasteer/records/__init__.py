"""Nouns: frozen records without torch. Every stage of the loop takes some and gives another."""

from lorasteer.records.base import Record as Record
from lorasteer.records.base import Settings as Settings
from lorasteer.records.base import first_problem as first_problem
from lorasteer.records.change import ChangeRecord as ChangeRecord
from lorasteer.records.change import TrainingNotes as TrainingNotes
from lorasteer.records.measurement import Better as Better
from lorasteer.records.measurement import Evaluation as Evaluation
from lorasteer.records.measurement import Measurement as Measurement
from lorasteer.records.plan import Plan as Plan
from lorasteer.records.request import Direction as Direction
from lorasteer.records.request import Request as Request
from lorasteer.records.request import Target as Target
