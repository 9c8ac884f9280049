"""Running a command: launch, observer, journal, isolated worktrees."""
