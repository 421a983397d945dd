"""What every surface is handed and gives back: the mirror, the machine, the files of a project, a violation."""
