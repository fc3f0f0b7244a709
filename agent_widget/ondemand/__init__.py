"""What is read when somebody asks for it."""
