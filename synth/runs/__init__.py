"""What a run is asked for, refuses, remembers and leaves behind."""
