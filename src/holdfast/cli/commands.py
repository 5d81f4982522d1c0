"""Commands and groups whose help names no types that say nothing."""

from typing import Any

import typer.core


def without_types(parameters: list[Any]) -> list[Any]:
    """Switches and counters take no value, and arguments are told by their name."""
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = lambda ctx: None  # pyright: ignore[reportUnknownLambdaType]
        elif parameter.is_flag or parameter.count:
            parameter.metavar = ""
    return parameters


class Command(typer.core.TyperCommand):
    """One command."""

    def get_params(self, ctx: Any) -> list[Any]:
        return without_types(super().get_params(ctx))


class Group(typer.core.TyperGroup):
    """A command with commands below it."""

    def get_params(self, ctx: Any) -> list[Any]:
        return without_types(super().get_params(ctx))
