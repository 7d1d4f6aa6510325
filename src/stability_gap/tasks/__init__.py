"""Turn images into a stream of tasks."""
