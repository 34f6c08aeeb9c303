"""Language models by name, with the tokenizer each of them reads by."""

from lorasteer.tasks.language.models.build import make_model as make_model
from lorasteer.tasks.language.models.build import text_recipe_for as text_recipe_for
from lorasteer.tasks.language.models.catalog import LANGUAGE_MODELS as LANGUAGE_MODELS
from lorasteer.tasks.language.models.catalog import Made as Made
