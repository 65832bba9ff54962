"""Meeting BaaS v2: the same services in the words of that API. Source: contract.md sections 1 and 2."""
