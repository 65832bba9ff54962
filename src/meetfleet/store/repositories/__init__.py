"""All queries, one module a noun. A repository lives as long as one transaction."""
