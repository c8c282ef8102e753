"""Work that is not done in a request: the outbox, the queue, the worker."""
