"""The subcommands of ``entente``: one file for each, with a ``register(app)`` that adds it.

Whatever a subcommand needs beyond typer it imports when it runs, so that ``entente --help`` is quick.
"""
