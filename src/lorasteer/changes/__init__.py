"""What unlearning makes of a base. Adapters and weight edits share one contract: apply, strength, save, compose, undo."""

from lorasteer.changes.adapter import AdapterChange as AdapterChange
from lorasteer.changes.adapter import adapter_change as adapter_change
from lorasteer.changes.compose import ComposedChange as ComposedChange
from lorasteer.changes.compose import compose as compose
from lorasteer.changes.compose import on_top as on_top
from lorasteer.changes.compose import parts_of as parts_of
from lorasteer.changes.contract import Change as Change
from lorasteer.changes.contract import load_change as load_change
from lorasteer.changes.contract import save_change as save_change
from lorasteer.changes.weights import WeightChange as WeightChange
from lorasteer.changes.weights import weight_change as weight_change
