"""The worker: an evaluation in a child process, so that its crash costs a trial and not the study."""

from cotune.worker.worker import Worker

__all__ = ["Worker"]
