"""Values → text tables, sheets, JSON, Markdown and CSV. Views return strings and print nothing."""
