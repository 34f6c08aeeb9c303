"""How a command ends when it cannot go on: one line on stderr, and 2 for a user's error, 130 for an interruption.

Anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from lorasteer.errors import Interrupted, TrainingDiverged, UserError

USER_ERROR, INTERRUPTED = 2, 130


class Commands(TyperGroup):
    """A group of commands that turns errors a person can meet into one line and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Commands in the order in which they were added."""
        return list(self.commands)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except Interrupted as stop:
            raise _end(str(stop), INTERRUPTED) from None
        except KeyboardInterrupt:
            raise _end("stopped; nothing of this step was written. Run the same command again.", INTERRUPTED) from None
        except (UserError, TrainingDiverged) as error:
            raise _end(str(error), USER_ERROR) from None
        except Exception as error:
            if not _is_usage(error):
                raise
            raise _end(_usage(error), USER_ERROR) from None


def _end(line: str, code: int) -> typer.Exit:
    typer.echo(f"lorasteer: {' '.join(line.split())}", err=True)
    return typer.Exit(code)


def _is_usage(error: Exception) -> bool:
    # Typer's own or, before it had one, Click's class for wrong options; both can word themselves
    return hasattr(error, "format_message") and type(error).__name__ != "NoArgsIsHelpError"


def _usage(error: Any) -> str:
    path = getattr(getattr(error, "ctx", None), "command_path", "lorasteer")
    return f"{str(error.format_message()).rstrip('.')}. See `{path} --help`."
