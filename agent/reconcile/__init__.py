"""From what is declared and what is seen to what is done: observe, plan, hold back, apply, remember."""
