"""What does it cost, here and now: prices, tax and shipping make one Quote."""
