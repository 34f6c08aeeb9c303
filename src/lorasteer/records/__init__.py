"""Nouns: frozen records without torch. Every stage of the loop takes some and gives another."""

from lorasteer.records.base import Record as Record
from lorasteer.records.base import Settings as Settings
from lorasteer.records.base import first_problem as first_problem
from lorasteer.records.calibration import Calibration as Calibration
from lorasteer.records.calibration import CalibrationPoint as CalibrationPoint
from lorasteer.records.calibration import Curve as Curve
from lorasteer.records.calibration import TargetKind as TargetKind
from lorasteer.records.certificate import Certificate as Certificate
from lorasteer.records.change import ChangeRecord as ChangeRecord
from lorasteer.records.change import TrainingNotes as TrainingNotes
from lorasteer.records.event import Event as Event
from lorasteer.records.iteration import Action as Action
from lorasteer.records.iteration import Iteration as Iteration
from lorasteer.records.measurement import Better as Better
from lorasteer.records.measurement import Evaluation as Evaluation
from lorasteer.records.measurement import Measurement as Measurement
from lorasteer.records.plan import Plan as Plan
from lorasteer.records.request import Direction as Direction
from lorasteer.records.request import Request as Request
from lorasteer.records.request import Target as Target
from lorasteer.records.run import RunRecord as RunRecord
from lorasteer.records.run import Snapshot as Snapshot
from lorasteer.records.verdict import AuditRecord as AuditRecord
from lorasteer.records.verdict import AuditSubject as AuditSubject
from lorasteer.records.verdict import Clue as Clue
from lorasteer.records.verdict import Verdict as Verdict
