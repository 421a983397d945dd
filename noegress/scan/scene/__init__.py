"""What a rule sees of one file: where it calls out, which commands it runs, which switches turn that off."""
