"""What a mirror keeps: its folder, its memory, devpi's stage, and the events it writes down."""
