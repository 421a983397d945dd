from acme.notice import maybe_warn

maybe_warn()
