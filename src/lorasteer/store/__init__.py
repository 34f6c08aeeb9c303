"""Finished runs on disk: one folder each, whole or not there at all."""

from lorasteer.store.facts import machine as machine
from lorasteer.store.facts import versions as versions
from lorasteer.store.places import cache_home as cache_home
from lorasteer.store.places import runs_home as runs_home
from lorasteer.store.record import RunRecord as RunRecord
from lorasteer.store.runs import Found as Found
from lorasteer.store.runs import RunStore as RunStore
from lorasteer.store.runs import check_out as check_out
from lorasteer.store.runs import is_run as is_run
from lorasteer.store.runs import read_run as read_run
from lorasteer.store.runs import write_run as write_run
