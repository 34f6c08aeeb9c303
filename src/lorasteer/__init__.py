"""Say what a trained model must forget, how strongly and along which meaning; see what went and what stayed; keep or undo it.

Every public name is loaded on first use, so that `import lorasteer` takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lorasteer.changes import AdapterChange as AdapterChange
    from lorasteer.changes import Change as Change
    from lorasteer.changes import WeightChange as WeightChange
    from lorasteer.changes import compose as compose
    from lorasteer.changes import load_change as load_change
    from lorasteer.changes import save_change as save_change
    from lorasteer.errors import DataError as DataError
    from lorasteer.errors import Interrupted as Interrupted
    from lorasteer.errors import LorasteerError as LorasteerError
    from lorasteer.errors import PlanError as PlanError
    from lorasteer.errors import RequestError as RequestError
    from lorasteer.errors import SessionError as SessionError
    from lorasteer.errors import StoreError as StoreError
    from lorasteer.errors import TrainingDiverged as TrainingDiverged
    from lorasteer.errors import UserError as UserError
    from lorasteer.errors import WeightsError as WeightsError
    from lorasteer.evaluation import METRICS as METRICS
    from lorasteer.evaluation import markdown_table as markdown_table
    from lorasteer.export import export_adapter as export_adapter
    from lorasteer.export import export_merged as export_merged
    from lorasteer.methods import METHODS as METHODS
    from lorasteer.records import Direction as Direction
    from lorasteer.records import Evaluation as Evaluation
    from lorasteer.records import Measurement as Measurement
    from lorasteer.records import Plan as Plan
    from lorasteer.records import Request as Request
    from lorasteer.records import Target as Target
    from lorasteer.session import Bench as Bench
    from lorasteer.session import Budget as Budget
    from lorasteer.session import Feedback as Feedback
    from lorasteer.session import Found as Found
    from lorasteer.session import Goal as Goal
    from lorasteer.session import Round as Round
    from lorasteer.session import Session as Session
    from lorasteer.session import Workbench as Workbench
    from lorasteer.session import compare as compare
    from lorasteer.session import retrain_seeds as retrain_seeds
    from lorasteer.session.opening import open_base as open_base
    from lorasteer.session.opening import open_bench as open_bench
    from lorasteer.session.restoration import corrupt as corrupt
    from lorasteer.session.restoration import restorations as restorations
    from lorasteer.session.text_bench import TextBench as TextBench
    from lorasteer.tasks.base import Base as Base
    from lorasteer.tasks.base import save_base as save_base
    from lorasteer.tasks.language.data import TextData as TextData
    from lorasteer.tasks.language.data import TextExamples as TextExamples
    from lorasteer.tasks.language.inputs import Template as Template
    from lorasteer.tasks.language.model import adopt_language as adopt_language
    from lorasteer.tasks.language.model import load_language_base as load_language_base
    from lorasteer.tasks.language.model import train_language_model as train_language_model
    from lorasteer.tasks.language.models import text_recipe_for as text_recipe_for
    from lorasteer.tasks.language.sources import load_text as load_text
    from lorasteer.tasks.training import FitSettings as FitSettings
    from lorasteer.tasks.vision.classifier import adopt as adopt
    from lorasteer.tasks.vision.classifier import load_base as load_base
    from lorasteer.tasks.vision.classifier import train_classifier as train_classifier
    from lorasteer.tasks.vision.data import Examples as Examples
    from lorasteer.tasks.vision.data import ImageData as ImageData
    from lorasteer.tasks.vision.models import recipe_for as recipe_for
    from lorasteer.tasks.vision.sources import load_data as load_data

_PLACES = {
    "changes": ("AdapterChange", "Change", "WeightChange", "compose", "load_change", "save_change"),
    "errors": (
        "DataError", "Interrupted", "LorasteerError", "PlanError", "RequestError", "SessionError", "StoreError",
        "TrainingDiverged", "UserError", "WeightsError",
    ),
    "evaluation": ("METRICS", "markdown_table"),
    "export": ("export_adapter", "export_merged"),
    "methods": ("METHODS",),
    "records": ("Direction", "Evaluation", "Measurement", "Plan", "Request", "Target"),
    "session": ("Bench", "Budget", "Feedback", "Found", "Goal", "Round", "Session", "Workbench", "compare", "retrain_seeds"),
    "tasks.base": ("Base", "save_base"),
    "session.opening": ("open_base", "open_bench"),
    "session.restoration": ("corrupt", "restorations"),
    "session.text_bench": ("TextBench",),
    "tasks.language.data": ("TextData", "TextExamples"),
    "tasks.language.inputs": ("Template",),
    "tasks.language.model": ("adopt_language", "load_language_base", "train_language_model"),
    "tasks.language.models": ("text_recipe_for",),
    "tasks.language.sources": ("load_text",),
    "tasks.training": ("FitSettings",),
    "tasks.vision.classifier": ("adopt", "load_base", "train_classifier"),
    "tasks.vision.data": ("Examples", "ImageData"),
    "tasks.vision.models": ("recipe_for",),
    "tasks.vision.sources": ("load_data",),
}  # fmt: skip
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}

__all__ = sorted([*_PLACE_OF, "__version__"])


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("lorasteer")
    if name not in _PLACE_OF:
        raise AttributeError(f"module 'lorasteer' has no attribute {name!r}")
    return getattr(import_module(f"lorasteer.{_PLACE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
