"""The one journey that spans rooms: cart, quote, reserve, pay, order."""
