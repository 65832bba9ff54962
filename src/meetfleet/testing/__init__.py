"""Shipped fakes and harnesses, for our own tests and for those of our users."""
