"""What can go wrong with a task's items."""


class TaskError(ValueError):
    """A task's items can't be had or read; says which, and what to do."""
