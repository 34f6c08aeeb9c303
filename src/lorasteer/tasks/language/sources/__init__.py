"""Text data from files, hubs, and made up."""

from lorasteer.tasks.language.sources.catalog import TEXT_SOURCES as TEXT_SOURCES
from lorasteer.tasks.language.sources.load import load_text as load_text
