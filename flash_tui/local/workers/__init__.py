"""Worker processes: started, watched, healthy or not, ended."""
