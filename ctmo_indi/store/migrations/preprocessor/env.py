"""Run the migrations on the connection that ``ctmo_indi.store.schema`` hands over."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,  # SQLite too: a kill half-way leaves the schema as it was
)
with context.begin_transaction():
    context.run_migrations()
