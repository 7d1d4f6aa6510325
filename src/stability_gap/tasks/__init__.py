"""Images to a stream of tasks."""
