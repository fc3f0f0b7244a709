"""A real server that is killed again and again while its files grow."""
