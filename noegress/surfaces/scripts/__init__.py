"""What runs installers, in whatever language it is written: shell, pipelines, Python, build files."""
