"""The trees beside the tests are judged, never run: nothing of them is collected."""

collect_ignore_glob = ["*/bad/*", "*/good/*"]
