"""What Alembic runs to migrate: in the transaction that it is given."""

from alembic import context

from sinks.read_models.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=False)
context.run_migrations()
