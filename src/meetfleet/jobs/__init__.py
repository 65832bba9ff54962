"""What must happen later: durable jobs in the same PostgreSQL. Thin: a job loads nothing itself, it calls control."""
