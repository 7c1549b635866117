"""The contracts: one module a table; fields, types, bounds and what each value means."""
