"""Cash that was collected at doors: who has it, and with which deposit it went to the bank."""
