"""Read seeds: source trees, problem files, datasets on the Hub."""
