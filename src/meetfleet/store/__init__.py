"""What is remembered: tables, migrations, queries. PostgreSQL always; the only room with SQL."""
