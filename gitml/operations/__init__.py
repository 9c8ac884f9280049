"""One file for each thing that a user can do: the story, told with the parts below."""
