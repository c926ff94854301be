"""Write docs/cli.md from the command line's own help.

python docs/list_verbs.py > docs/cli.md
"""

import sys

import typer.main

from churnhealth.cli import EXAMPLES, app


def page():
    """Give the whole page."""
    command = typer.main.get_command(app)
    lines = [
        "# The command line",
        "",
        "`churnhealth VERB [OPTIONS]`. Data go to stdout, progress and errors to"
        " stderr."
        " Exit codes: 0 ok, 1 failed, 2 usage or input, 3 `promote` or `check --strict`"
        " said no. `churnhealth --install-completion` completes verbs and options.",
    ]
    for name, verb in command.commands.items():
        lines += ["", f"## {name}", "", (verb.help or "").strip(), ""]
        lines += ["```", EXAMPLES[name], "```", "", "| option | |", "|---|---|"]
        lines += [row(p) for p in verb.params if p.name != "help"]
    return "\n".join(lines) + "\n"


def row(parameter):
    """Give one option or argument as a row."""
    if parameter.param_type_name == "argument":
        return f"| `{parameter.name.upper()}` | {parameter.help or ''} |"
    names = ", ".join(f"`{o}`" for o in [*parameter.opts, *parameter.secondary_opts])
    shown = parameter.default not in (None, False, ()) and not callable(
        parameter.default
    )
    default = f" Default `{parameter.default}`." if shown else ""
    return f"| {names} | {parameter.help or ''}{default} |"


if __name__ == "__main__":
    sys.stdout.write(page())
