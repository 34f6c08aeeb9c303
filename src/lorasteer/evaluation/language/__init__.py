"""From a language model's answers to measurements: one pass over the questions, many metrics."""

from lorasteer.evaluation.language.answers import Answers as Answers
from lorasteer.evaluation.language.asking import Question as Question
from lorasteer.evaluation.language.asking import Questionnaire as Questionnaire
from lorasteer.evaluation.language.asking import Sheet as Sheet
from lorasteer.evaluation.language.asking import prepare as prepare
from lorasteer.evaluation.language.asking import probe as probe
from lorasteer.evaluation.language.asking import sheet_of as sheet_of
from lorasteer.evaluation.language.collect import answer as answer
from lorasteer.evaluation.language.collect import collect as collect
from lorasteer.evaluation.language.keeping import Kept as Kept
from lorasteer.evaluation.language.metric import TEXT_METRICS as TEXT_METRICS
from lorasteer.evaluation.language.outputs import TextContext as TextContext
from lorasteer.evaluation.language.outputs import TextOutputs as TextOutputs
from lorasteer.evaluation.language.suites import evaluate_text as evaluate_text
from lorasteer.evaluation.language.suites import text_metrics_of as text_metrics_of
from lorasteer.evaluation.language.verdict import text_verdict as text_verdict
