"""Runs on disk: an index, blobs named by their hash, a log; a write is there as a whole or not at all."""

from lorasteer.store.checking import Problem as Problem
from lorasteer.store.facts import machine as machine
from lorasteer.store.facts import versions as versions
from lorasteer.store.folder import check_out as check_out
from lorasteer.store.folder import is_run as is_run
from lorasteer.store.folder import read_run as read_run
from lorasteer.store.folder import write_run as write_run
from lorasteer.store.places import cache_home as cache_home
from lorasteer.store.places import runs_home as runs_home
from lorasteer.store.reading import Found as Found
from lorasteer.store.runs import Freed as Freed
from lorasteer.store.runs import RunStore as RunStore
