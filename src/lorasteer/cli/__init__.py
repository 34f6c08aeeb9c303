"""The command line: one file per noun or command."""

from lorasteer.cli.app import app as app
from lorasteer.cli.app import main as main
