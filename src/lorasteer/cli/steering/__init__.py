"""`lorasteer steer` at a terminal: keys to steps, a session to a screen, work in a thread of its own."""
