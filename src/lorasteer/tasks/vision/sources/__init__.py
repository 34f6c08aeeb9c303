"""Image data from files, folders and hubs."""

from lorasteer.tasks.vision.sources.catalog import SOURCES as SOURCES
from lorasteer.tasks.vision.sources.load import load_data as load_data
