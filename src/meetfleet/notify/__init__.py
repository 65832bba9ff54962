"""Who is told: webhook endpoints, callbacks, their signatures, deliveries and history."""
