"""Log in streams of NATS JetStream, with a copy of the entries and tables on each node."""
