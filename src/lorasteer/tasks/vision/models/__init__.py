"""Image classifiers by name, and their weights."""

from lorasteer.tasks.vision.models.build import build_model as build_model
from lorasteer.tasks.vision.models.build import preprocess_for as preprocess_for
from lorasteer.tasks.vision.models.build import recipe_for as recipe_for
from lorasteer.tasks.vision.models.catalog import MODELS as MODELS
from lorasteer.tasks.vision.models.weights import load_weights as load_weights
