"""The main job, end to end, on real packages; written with the parts that it shows."""
