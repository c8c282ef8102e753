"""How people and programs reach the store: pages, the API, and what providers send back."""
