"""The admin API: what operators, and later the dashboard, manage a server with."""
