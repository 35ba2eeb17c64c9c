"""Pages over the service: what the routes answer, for people to read, and the form that a decision is sent with."""
