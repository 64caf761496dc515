"""What Alembic runs to run the scripts: on the connection that it is given, in the transaction that it is in."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
