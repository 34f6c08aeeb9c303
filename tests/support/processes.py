"""Processes beside the test's own, forked from one that has loaded torch already."""

from __future__ import annotations

import multiprocessing

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.support.writer", "tests.support.steered"])
