"""The command line as a whole: its verbs in order, words that are none, and ``--version``."""

from __future__ import annotations

from typing import Any

import click

from .. import __version__
from ..errors import did_you_mean
from .executing import Interrupted

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Verbs(click.Group):
    """Verbs in the order of a first visit, and the nearest ones for a word that is none."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        """Names of the verbs, in the order they were entered."""
        return list(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb of that name."""
        found = super().get_command(ctx, cmd_name)
        if found is None and not ctx.resilient_parsing:  # a shell that completes wants no errors
            hint = did_you_mean(cmd_name, self.commands, "verbs")
            raise click.UsageError(f"there is no verb {cmd_name!r}; {hint}")
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; an interruption is told by us and not by click."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted("interrupted.") from error


def show_versions(context: click.Context, option: click.Parameter, asked: bool) -> None:  # noqa: ARG001
    """The version on the first line; below it those of what a result depends on, none of them imported."""
    if not asked or context.resilient_parsing:
        return
    from .versions import versions

    click.echo(f"loadstone {__version__}")
    for name, version in versions():
        click.echo(f"{name} {version}")
    context.exit()
