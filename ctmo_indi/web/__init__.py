"""The page on the scheduler's port: static files, orders as JSON, a stream of news, views."""
