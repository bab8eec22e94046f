"""What happened: events in a ring, log lines in a file."""
