"""The scripts that bring an older database to the present schema, run by Alembic. They only go forward."""
