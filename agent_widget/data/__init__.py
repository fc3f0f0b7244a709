"""The tables and conversations as a notebook holds them."""
