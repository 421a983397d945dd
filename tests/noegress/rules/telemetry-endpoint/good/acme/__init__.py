"""See https://analytics.vendor.dev/docs for what the service does."""
from acme import api
