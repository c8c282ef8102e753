"""The crash harness: a process of the shop is killed at every place that a journey passes.

``points`` says what a place is, ``tripwire`` and ``process`` are inside the process that dies,
``ground``, ``store`` and ``story`` are a shop around it, ``journeys`` and ``worker_journeys`` are
what people do in it, and ``run`` discovers the places and kills at each.
"""
