"""Tables and figures; nothing here computes a number."""
