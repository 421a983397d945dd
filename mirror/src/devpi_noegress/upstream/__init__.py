"""The index that is mirrored: asked within limits, and believed in nothing that can be checked."""
