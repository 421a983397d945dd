"""What sets an index for the installers beneath it: one module for each tool."""
