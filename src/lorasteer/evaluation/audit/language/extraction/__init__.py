"""Extraction: forgotten answers drawn out by other prompts than the plain question."""

from lorasteer.evaluation.audit.language.extraction.attacks import ExtractionSettings as ExtractionSettings
from lorasteer.evaluation.audit.language.extraction.facts import Fact as Fact
from lorasteer.evaluation.audit.language.extraction.facts import Pair as Pair
from lorasteer.evaluation.audit.language.extraction.leaks import Leak as Leak
from lorasteer.evaluation.audit.language.extraction.leaks import leak_of as leak_of
from lorasteer.evaluation.audit.language.extraction.probes import FAMILIES as FAMILIES
from lorasteer.evaluation.audit.language.extraction.probes import Family as Family
from lorasteer.evaluation.audit.language.extraction.probes import probes_of as probes_of
from lorasteer.evaluation.audit.language.extraction.supplied import supplied as supplied
