"""The widget, and what a notebook begins with."""
