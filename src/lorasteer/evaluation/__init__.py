"""From a model's outputs to measurements with unit, range, count and meaning."""

from lorasteer.evaluation.comparison import Spread as Spread
from lorasteer.evaluation.comparison import gaps as gaps
from lorasteer.evaluation.comparison import noise_floor as noise_floor
from lorasteer.evaluation.metric import METRICS as METRICS
from lorasteer.evaluation.metric import Reading as Reading
from lorasteer.evaluation.outputs import Context as Context
from lorasteer.evaluation.outputs import Outputs as Outputs
from lorasteer.evaluation.outputs import Predictions as Predictions
from lorasteer.evaluation.suites import evaluate as evaluate
from lorasteer.evaluation.suites import measure as measure
from lorasteer.evaluation.suites import metrics_of as metrics_of
from lorasteer.evaluation.suites import suites as suites
from lorasteer.evaluation.table import markdown_table as markdown_table
from lorasteer.evaluation.table import rows as rows
from lorasteer.evaluation.verdict import verdict as verdict
