"""What a service must not lose: one SQLite file or PostgreSQL schema a service.

``database`` opens and migrates, ``intake`` alone writes (group commit), the other modules are
functions on a connection: hand them to :meth:`~ctmo_indi.store.intake.Writer.submit` to write and
call them inside :meth:`~ctmo_indi.store.database.Database.read` to read. Nobody else in the package
imports SQLAlchemy.
"""
